"""Starting the worker where the plan says, following its output, and ending it in order."""

import contextlib
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from harness.folders import RunFolder

GRACE = 20.0  # seconds from SIGTERM to SIGKILL
SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


@dataclass(frozen=True)
class Ended:
    """How the worker ended, and where its outputs lie. `reason` is what only the launcher knows; None: all is well."""

    exit_code: int
    reason: str | None
    model: Path
    output: Path


class Runner(Protocol):
    """A place that runs one worker."""

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Start it; its output comes line by line through the child's stdout."""

    def stop(self, at_once: bool) -> None:
        """Ask the worker to end (SIGTERM), or make it (SIGKILL). Returns without waiting for it."""

    def finish(self) -> Ended:
        """Leave nothing behind but the outputs, and say how it ended. What still runs is killed."""


def follow(runner: Runner, run: RunFolder, dataset: Path, listen: Callable[[str], None], grace: float = GRACE) -> Ended:
    """Run the worker to its end and hand each of its lines on.

    Ctrl-C, SIGTERM or SIGHUP stops it in order: SIGTERM, then SIGKILL after `grace` seconds or on a second signal.
    A worker that had completed by then has completed.
    """
    # Signals only leave a note, so that none can break off the reading or the clearing up; a thread acts on the notes.
    notes: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    received: list[str] = []
    speaking = threading.Lock()

    def note(signum: int, frame: object) -> None:
        received.append(SIGNALS[signal.Signals(signum)])
        notes.put(received[-1])

    def tell(line: str) -> None:
        with speaking:
            listen(line)

    with _handling(note):
        try:
            child = runner.start(run, dataset)
        except OSError as error:
            return replace(runner.finish(), reason=f"the worker could not start: {error}")
        obey = threading.Thread(target=_obey, args=(notes, runner, tell, grace), daemon=True)
        obey.start()
        try:
            assert child.stdout is not None
            for line in child.stdout:
                tell(line.rstrip("\n"))
            child.wait()
        finally:
            notes.put(None)
            obey.join()
            ended = runner.finish()
    return replace(ended, reason=f"stopped by {received[0]}") if received and ended.exit_code else ended


def _obey(notes: "queue.SimpleQueue[str | None]", runner: Runner, tell: Callable[[str], None], grace: float) -> None:
    """Stop the worker when a note comes, kill it at the next or when `grace` has passed; None ends the watch."""
    wanted = notes.get()
    if wanted is None:
        return
    runner.stop(at_once=False)
    with contextlib.suppress(OSError):  # a terminal that is gone must not keep the worker alive
        tell(f"stopping: {wanted}; the worker has {grace:.0f} s, a second Ctrl-C kills it")
    while wanted is not None:
        with contextlib.suppress(queue.Empty):
            wanted = notes.get(timeout=grace)
        if wanted is not None:
            runner.stop(at_once=True)


@contextlib.contextmanager
def _handling(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Take the signals that ask for an end; one that is ignored (nohup, a background job) stays so."""
    taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = [(number, signal.signal(number, handler)) for number in taken]
    try:
        yield
    finally:
        for number, restored in previous:
            signal.signal(number, restored)
