"""What a person sees at the terminal: lines, tables, and errors in one line."""

import contextlib
import io
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import interrupt
from harness.contract.errors import HarnessError

CELL = 60  # characters of a table's cell at most
OURS = ("harness", "programs", "hydra_plugins")  # packages of src/, which need no installation


def say(text: str) -> None:
    """One line for the person at the terminal.

    Where the terminal is gone (`| head`, a full disk behind `>`) nothing is said any more, and the work goes on.
    """
    try:
        print(printable(text), flush=True)
    except OSError as error:
        _mute(error)


def printable(text: str) -> str:
    """The text with what a terminal would obey, or could not show, as an escape sequence of Python's."""
    return "".join(each if each.isprintable() or each in "\n\t" else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def complain(text: str) -> None:
    """One line on stderr, where there is one."""
    with contextlib.suppress(OSError):
        print(printable(text).replace("\n", "\\n"), file=sys.stderr, flush=True)


def main(verb: Callable[[], int]) -> int:
    """Run a verb: a user's mistake becomes one line on stderr and its error's exit code, a bug keeps its traceback."""
    _open_streams()
    try:
        return _run(verb)
    finally:
        if threading.current_thread() is threading.main_thread() and interrupt.TYPED:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to stop, and its traceback would tell of it
        with contextlib.suppress(OSError):
            sys.stdout.flush()


def _run(verb: Callable[[], int]) -> int:
    try:
        interrupt.give_back()
        return verb()
    except HarnessError as error:
        from harness.provenance.credentials import redact

        complain(f"error: {redact(str(error))}")
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in OURS:
            raise
        complain(f"error: {sys.executable} has no {error.name}; type: make venv && source .venv/bin/activate")
        return 2
    except KeyboardInterrupt:
        complain(interrupt.STOPPED)
        return 130
    except BrokenPipeError as error:  # of what is printed by others than `say`
        _mute(error)
        return 1


def _open_streams() -> None:
    """See that 0, 1 and 2 are open, lest a file of ours get such a number, and that any text can be printed."""
    with contextlib.suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(number, True)
        os.close(number)
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115  # open until the process ends
    sys.stderr = sys.stderr or sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _mute(error: OSError) -> None:
    """Print no more: nobody reads it. Why is said, unless the reader has left."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # also what Python still holds back
    os.close(nowhere)
    if not isinstance(error, BrokenPipeError):
        complain(f"the standard output cannot be written: {error.strerror}; the work goes on without a word")


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
