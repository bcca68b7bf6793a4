"""The results of a sweep: a table for people, NAME.json for programs, and what to type next."""

import json
import shlex
import sys
from collections.abc import Sequence

from harness import console
from harness.contract import atomic
from harness.evidence import quantity
from harness.provenance.credentials import redact
from harness.settings.command_line import command_name, typed_words
from harness.sweep.group import FINISHED, Group, Row

SCHEMA = 2


def best(rows: Sequence[Row]) -> Row | None:
    """The completed run with the best value; of equals the first. None where no run has one."""
    return next((row for row in ordered(rows) if row.status == "completed" and row.value is not None), None)


def ordered(rows: Sequence[Row]) -> list[Row]:
    """The completed ones first, each part from the best value to the worst and those without one last."""
    return sorted(rows, key=_rank)


def write(group: Group, rows: Sequence[Row]) -> None:
    """Write the sweep's NAME.json as it stands.

    `value` is that of the column `objective.name` of metrics.csv after the last epoch, null where there is none.
    """
    chosen, shared = best(rows), group.shared
    runs = [
        {
            "run": row.run,
            "settings": list(row.words),
            "status": row.status,
            "value": row.value,
            "epochs": row.curve[-1][0] if row.curve else 0,
            "reason": row.reason,
        }
        for row in rows
    ]
    summary = {
        "schema": SCHEMA,
        "sweep": group.name,
        "objective": {"name": shared.measure, "better": shared.objective.better},
        "total": group.total,
        "runs": runs,
        "best": chosen.run if chosen else None,
        "again": again(chosen) if chosen else None,
    }
    atomic.write(group.folder / f"{group.name}.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")


def show(group: Group, rows: Sequence[Row]) -> None:
    """Print the table, best first, and the last lines."""
    unfinished = [row for row in rows if row.status not in FINISHED]
    counts = [f"{sum(row.status == word for row in rows)} {word}" for word in dict.fromkeys(row.status for row in rows)]
    console.say(f"\nsweep     {group.name}: {', '.join(counts)}; {_by(group, rows)}")
    common = set.intersection(*(set(row.words) for row in rows)) if len(rows) > 1 else set()
    if sys.stdout.isatty():
        _draw(group, ordered(rows), common)
    else:
        width = max((len(row.shown) for row in rows), default=0)
        for row in ordered(rows):
            console.say(f"          {row.shown:>{width}}  {_varied(row, common)}  {row.run or '-'}{_why(row)}")
    if (chosen := best(rows)) is not None:
        console.say(f"best      {chosen.shown}: {_varied(chosen, common)} ({chosen.run})")
        console.say(f"again     {again(chosen)}")
    console.say(f"summary   {group.folder / group.name}.json")
    if unfinished or len(rows) < group.total:
        console.say(f"continue  {command_name()} {redact(shlex.join(typed_words()))}")


def again(row: Row) -> str:
    """The command that trains a row's settings again, alone."""
    return f"python src/train.py {redact(shlex.join(row.words))}"


def _rank(row: Row) -> tuple[bool, bool, float]:
    value = row.value
    return row.status != "completed", value is None, 0.0 if value is None else -row.objective.gain(0.0, value)


def _by(group: Group, rows: Sequence[Row]) -> str:
    """What the rows are ordered by."""
    measure = group.shared.measure
    if any(row.curve for row in rows) or not any(row.status == "completed" for row in rows):
        return f"by {measure} after the last epoch{quantity.direction(group.shared.objective)}"
    return f"the program reports no {measure}, so there is no best one"


def _varied(row: Row, common: set[str]) -> str:
    return " ".join(word for word in row.words if word not in common) or "one of equals"


def _why(row: Row) -> str:
    return "" if row.status == "completed" else f"  {row.status}" + (f": {row.reason}" if row.reason else "")


def _draw(group: Group, rows: Sequence[Row], common: set[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(group.shared.measure, "settings", "run", "status")
    for row in rows:
        table.add_row(row.shown, _varied(row, common), row.run or "-", _why(row).strip() or row.status)
    Console().print(table)
