"""What a sweep came to: a table for people, NAME.json for programs, and what to type next."""

import json
import shlex
import sys
from collections.abc import Sequence

from harness import console
from harness.contract import atomic
from harness.provenance.credentials import redact
from harness.settings.command_line import command_name, typed_words
from harness.sweep.group import FINISHED, Group, Row

SCHEMA = 1
OBJECTIVE = "validation_accuracy after the last epoch"


def best(rows: Sequence[Row]) -> Row | None:
    """The completed run of the highest validation accuracy after its last epoch; of equals the first."""
    completed = [row for row in rows if row.status == "completed" and row.accuracy is not None]
    return max(completed, key=_accuracy, default=None)


def write(group: Group, rows: Sequence[Row]) -> None:
    """Leave the sweep's NAME.json as it stands."""
    chosen = best(rows)
    found = [
        {
            "run": row.run,
            "settings": list(row.words),
            "status": row.status,
            "validation_accuracy": row.accuracy,
            "epochs": row.curve[-1][0] if row.curve else 0,
            "reason": row.reason,
        }
        for row in rows
    ]
    summary = {
        "schema": SCHEMA,
        "sweep": group.name,
        "objective": OBJECTIVE,
        "total": group.total,
        "runs": found,
        "best": chosen.run if chosen else None,
        "again": again(chosen) if chosen else None,
    }
    atomic.write(group.folder / f"{group.name}.json", json.dumps(summary, indent=2) + "\n")


def show(group: Group, rows: Sequence[Row]) -> None:
    """The table, best first, and the last lines."""
    ordered = sorted(rows, key=lambda row: (row.status == "completed", _accuracy(row)), reverse=True)
    unfinished = [row for row in rows if row.status not in FINISHED]
    counts = [f"{sum(row.status == word for row in rows)} {word}" for word in dict.fromkeys(row.status for row in rows)]
    console.say(f"\nsweep     {group.name}: {', '.join(counts)}; by {OBJECTIVE}")
    common = set.intersection(*(set(row.words) for row in rows)) if len(rows) > 1 else set()
    if sys.stdout.isatty():
        _draw(ordered, common)
    else:
        for row in ordered:
            console.say(f"          {_cell(row)}  {_varied(row, common)}  {row.run or '-'}{_why(row)}")
    if (chosen := best(rows)) is not None:
        console.say(f"best      {chosen.accuracy:.4f}: {_varied(chosen, common)} ({chosen.run})")
        console.say(f"again     {again(chosen)}")
    console.say(f"summary   {group.folder / group.name}.json")
    if unfinished or len(rows) < group.total:
        console.say(f"go on     {command_name()} {redact(shlex.join(typed_words()))}")


def again(row: Row) -> str:
    """The command that trains a row's settings again, alone."""
    return f"python src/train.py {redact(shlex.join(row.words))}"


def _accuracy(row: Row) -> float:
    return -1.0 if row.accuracy is None else row.accuracy


def _cell(row: Row) -> str:
    return "   -  " if row.accuracy is None else f"{row.accuracy:.4f}"


def _varied(row: Row, common: set[str]) -> str:
    return " ".join(word for word in row.words if word not in common) or "one of equals"


def _why(row: Row) -> str:
    return "" if row.status == "completed" else f"  {row.status}" + (f": {row.reason}" if row.reason else "")


def _draw(rows: Sequence[Row], common: set[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("validation", "settings", "run", "state")
    for row in rows:
        table.add_row(_cell(row), _varied(row, common), row.run or "-", _why(row).strip() or row.status)
    Console().print(table)
