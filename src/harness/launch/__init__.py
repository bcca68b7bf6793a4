"""Starting the worker where the plan says, following its output, and ending it in order."""

import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.errors import PreparePlace
from harness.folders import RunFolder

GRACE = 20.0  # seconds from SIGTERM to SIGKILL


@dataclass(frozen=True)
class Ended:
    """How the worker ended, and where its outputs lie. `reason` is what only the launcher can know; None if all is well."""

    exit_code: int
    reason: str | None
    model: Path
    output: Path


class Runner(Protocol):
    """A place that runs one worker."""

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Start it; its output comes line by line through the child's stdout."""

    def stop(self, at_once: bool) -> None:
        """Ask the worker to end (SIGTERM), or make it (SIGKILL)."""

    def finish(self) -> Ended:
        """Leave nothing behind but the outputs, and say how it ended."""


def follow(runner: Runner, run: RunFolder, dataset: Path, listen: Callable[[str], None]) -> Ended:
    """Run the worker to its end and hand each of its lines on.

    Ctrl-C or SIGTERM stops it in order: SIGTERM, then SIGKILL after 20 s, or at once on a second Ctrl-C.
    """
    previous = signal.signal(signal.SIGTERM, _interrupt)
    interrupted: str | None = None
    watchdog: threading.Timer | None = None
    try:
        child = runner.start(run, dataset)
        assert child.stdout is not None
        while True:
            try:
                for line in child.stdout:
                    listen(line.rstrip("\n"))
                child.wait()
                break
            except KeyboardInterrupt as error:
                if interrupted is None:
                    listen("stopping: the worker has 20 s; Ctrl-C again kills it")
                    watchdog = threading.Timer(GRACE, runner.stop, [True])
                    watchdog.start()
                interrupted_again, interrupted = (
                    interrupted is not None,
                    f"stopped by {error.args[0] if error.args else 'Ctrl-C'}",
                )
                runner.stop(at_once=interrupted_again)
    finally:
        signal.signal(signal.SIGTERM, previous)
        if watchdog is not None:
            watchdog.cancel()
        ended = runner.finish()
    if interrupted:
        return Ended(ended.exit_code, interrupted, ended.model, ended.output)
    return ended


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(signum).name)
