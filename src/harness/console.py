"""What a person sees at the terminal: lines, tables, and errors in one line."""

import math
import sys
from collections.abc import Callable, Sequence

from harness.contract.errors import HarnessError

CELL = 60  # characters of a table's cell at most
OURS = ("harness", "programs", "hydra_plugins")  # packages of src/, which need no installation


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(text, flush=True)


def main(verb: Callable[[], int]) -> int:
    """Run a verb: a user's mistake becomes one line on stderr and its error's exit code, a bug keeps its traceback."""
    try:
        return verb()
    except HarnessError as error:
        from harness.provenance.credentials import redact

        print(f"error: {redact(str(error))}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in OURS:
            raise
        print(
            f"error: {sys.executable} has no {error.name}; type: make venv && source .venv/bin/activate",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("stopped before the run began; nothing is left behind", file=sys.stderr)
        return 130


def table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Rows of cells under a title, in columns; long cells are cut."""
    say(f"\n{title}")
    widths = [min(CELL, max(len(row[at]) for row in rows)) for at in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [cell if len(cell) <= CELL else f"{cell[: CELL - 1]}…" for cell in row]
        say("  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def difference(lines: Sequence[str]) -> None:
    """A unified diff, in colours at a terminal."""
    if lines and sys.stdout.isatty():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax("\n".join(lines), "diff", background_color="default"))
    elif lines:
        say("\n".join(lines))


def duration(seconds: float) -> str:
    """Seconds in words: `about 40 s`, `about 3 min`, `about 2.5 h`."""
    if seconds < 90:
        return f"about {max(1, math.ceil(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
