"""Starting the worker where the plan says, following its output, and ending it in order."""

import contextlib
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from harness.console import CLOUD
from harness.errors import HarnessError
from harness.folders import RunFolder
from harness.record import Bill

GRACE = 20.0  # seconds from SIGTERM to SIGKILL
QUESTION = "Stop the job (s), detach from it (d: it goes on, and costs), or go on watching (g)? A second Ctrl-C stops. "
SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


@dataclass(frozen=True)
class Ended:
    """How the worker ended, and where its outputs lie. `reason` is what only the launcher knows; None: all is well.

    `bill` is SageMaker's. Where nothing ended, because the job goes on without this program, `detached` is true.
    A worker that was stopped because whoever listens had heard enough was `pruned`.
    """

    exit_code: int
    reason: str | None
    model: Path
    output: Path
    bill: Bill | None = None
    detached: bool = False
    pruned: bool = False


class Enough(Exception):  # no error
    """Raised by whoever listens to a worker: it need not go on; the message says why."""


class Runner(Protocol):
    """A place that runs one worker.

    `grace` is the time in seconds from `stop` to `stop(at_once=True)`; None where stopping takes its own time. A worker
    that `outlives` this program is not stopped by Ctrl-C or a closed terminal alone: at a terminal it is asked about.
    """

    grace: float | None
    outlives: bool

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Start it; its output comes line by line through the child's stdout."""

    def stop(self, at_once: bool) -> None:
        """Ask the worker to end (SIGTERM), or make it (SIGKILL). Returns without waiting for it.

        Of a worker that outlives this program, `at_once` lets go: it is not waited for any longer.
        """

    def finish(self) -> Ended:
        """Leave nothing behind but the outputs, and say how it ended. What still runs is killed."""


def follow(runner: Runner, run: RunFolder, dataset: Path, listen: Callable[[str], None]) -> Ended:
    """Run the worker to its end and hand each of its lines on.

    Ctrl-C, SIGTERM or SIGHUP stops it in order: SIGTERM, then SIGKILL after the runner's grace or on a second signal.
    A worker that had completed by then has completed. One that outlives this program goes on where the terminal is
    closed (SIGHUP), and Ctrl-C at a terminal asks first. `listen` may raise Enough: the worker is stopped in order too.
    """
    # Signals only leave a note, so that none can break off the reading or the clearing up; a thread acts on the notes.
    notes: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    received: list[str] = []
    enough: list[str] = []
    speaking = threading.Lock()

    def note(name: str) -> None:
        received.append(name)
        notes.put(name)

    def tell(line: str) -> None:
        with speaking:
            listen(line)

    with hearing(note):
        try:
            child = runner.start(run, dataset)
        except (OSError, HarnessError) as error:
            return replace(runner.finish(), reason=f"the worker could not start: {error}")
        obey = threading.Thread(target=_obey, args=(notes, runner, tell), daemon=True)
        obey.start()
        try:
            assert child.stdout is not None
            for line in child.stdout:
                try:
                    tell(line.rstrip("\n"))
                except Enough as why:
                    if not enough:  # a second note would kill it
                        enough.append(str(why))
                        notes.put(enough[0])
            child.wait()
        finally:
            notes.put(None)
            obey.join()
            ended = runner.finish()
    stopped = received and ended.exit_code and not runner.outlives
    if enough and ended.exit_code and not received:
        return replace(ended, reason=enough[0], pruned=True)
    return replace(ended, reason=f"stopped by {received[0]}") if stopped else ended


def _obey(notes: "queue.SimpleQueue[str | None]", runner: Runner, tell: Callable[[str], None]) -> None:
    """Stop the worker when a note comes, kill it at the next or when its grace has passed; None ends the watch."""
    grace = runner.grace
    while True:
        wanted = notes.get()
        if wanted is None:
            return
        meant = answer(wanted, notes) if runner.outlives else "s"
        if meant == "g":
            continue
        try:
            runner.stop(at_once=meant == "d")
        except HarnessError as error:
            tell(f"{CLOUD}not stopped: {error}")
            continue
        break
    with contextlib.suppress(OSError):  # a terminal that is gone must not keep the worker alive
        if meant == "d":
            tell(f"{CLOUD}detached: {wanted}")
        elif grace is None:
            tell(f"{CLOUD}stopping: {wanted}; another Ctrl-C does not wait until it has stopped")
        else:
            tell(f"stopping: {wanted}; the worker has {grace:.0f} s, a second Ctrl-C kills it")
    while wanted is not None:
        with contextlib.suppress(queue.Empty):
            wanted = notes.get(timeout=grace)
        if wanted is not None:
            runner.stop(at_once=True)


def answer(wanted: str, notes: "queue.SimpleQueue[str | None]") -> str:
    """What to do about a worker that outlives this program: s(top), d(etach) or g(o on)."""
    if wanted == SIGNALS[signal.SIGHUP]:
        return "d"
    if wanted != SIGNALS[signal.SIGINT] or not sys.stdin.isatty():
        return "s"
    print(f"\n{QUESTION}", file=sys.stderr, flush=True)
    while True:
        with contextlib.suppress(queue.Empty):
            note = notes.get(timeout=0.1)
            notes.put(note) if note is None else None  # it has ended meanwhile: whoever waits is told again
            return "g" if note is None else "s"
        if select.select([sys.stdin], [], [], 0)[0]:
            typed = sys.stdin.readline()
            if not typed:  # nobody is at the terminal any more
                return "d"
            if (letter := typed.strip().lower()[:1]) in ("s", "d", "g"):
                return letter
            print(QUESTION, file=sys.stderr, flush=True)


@contextlib.contextmanager
def hearing(heard: Callable[[str], None]) -> Iterator[None]:
    """Take the signals that ask for an end: `heard` is told each one's name, in a thread of its own.

    One that is ignored (nohup, a background job) stays so. Python runs a handler only between two steps of the main
    thread, which may just have begun to wait for the worker's next line; its wakeup socket hears of a signal at once.
    """
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)

    def listen() -> None:
        while number := ear.recv(1):
            if number[0] in SIGNALS:
                heard(SIGNALS[signal.Signals(number[0])])

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = [(number, signal.signal(number, lambda *_: None)) for number in taken]
    try:
        yield
    finally:
        for number, restored in previous:
            signal.signal(number, restored)
        signal.set_wakeup_fd(before)
        mouth.close()
        listening.join()
        ear.close()
