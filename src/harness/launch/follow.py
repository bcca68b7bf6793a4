"""Follow a worker's output to its end, and stop it in order."""

import contextlib
import queue
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.contract.errors import HarnessError
from harness.launch.listener import CLOUD
from harness.launch.runner import Ended, Runner, StopEarly
from harness.launch.signals import SIGNALS, hearing
from harness.runs.run_folder import RunFolder

LONGEST = 2**20  # characters of a line that are held at once; what is longer comes in pieces
QUESTION = "Stop the job (s), detach (d: it continues, and costs), or go on watching it (g)? A second Ctrl-C stops. "
WATCHING = "watching it again; Ctrl-C asks again"


def follow(
    runner: Runner, run: RunFolder, dataset: Path, listen: Callable[[str], None], earlier: Sequence[str] = ()
) -> Ended:
    """Run the worker to its end and hand each of its lines on.

    Ctrl-C, SIGTERM or SIGHUP stops it in order: SIGTERM, then SIGKILL after the runner's grace or on a second signal.
    A worker that had completed by then has completed. One that outlives this program goes on where the terminal is
    closed (SIGHUP), and Ctrl-C at a terminal asks first; the start and the finish of a remote one are ended likewise.
    If `listen` raises StopEarly, the worker is stopped in order. Signals that came `earlier` count as if they came as
    soon as the worker has started.
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

    obey = threading.Thread(target=_obey, args=(notes, runner, tell), daemon=True)
    with hearing(note):
        if runner.remote:
            if earlier:
                note(earlier[0])
            obey.start()
        try:
            child = runner.start(run, dataset)
        except (OSError, ValueError, HarnessError) as error:  # ValueError: its plan was altered meanwhile
            notes.put(None)
            if received and runner.remote:
                tell(f"{CLOUD}{error}")
                return replace(runner.finish(), reason=f"stopped by {received[0]}")
            return replace(runner.finish(), reason=f"the worker could not start: {error}")
        if not runner.remote:
            if earlier and not received:
                note(earlier[0])
            obey.start()
        try:
            assert child.stdout is not None
            for line in iter(partial(child.stdout.readline, LONGEST), ""):
                try:
                    tell(line.rstrip("\n"))
                except StopEarly as why:
                    if not enough:  # a second note would kill it
                        enough.append(str(why))
                        notes.put(enough[0])
            child.wait()
        finally:
            if runner.remote:
                try:
                    ended = runner.finish()
                finally:
                    notes.put(None)
            else:
                notes.put(None)
                obey.join()
                ended = runner.finish()
    stopped = received and ended.exit_code and not runner.remote
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
            if runner.outlives and meant == "s":
                tell(f"{CLOUD}{wanted}: asking SageMaker to stop the job")
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
    first, began = wanted, time.monotonic()
    while wanted is not None:
        with contextlib.suppress(queue.Empty):
            wanted = notes.get(timeout=grace and max(0.0, began + grace - time.monotonic()))
            if wanted == first == SIGNALS[signal.SIGHUP]:  # a terminal that closes says so twice
                continue
        if wanted is not None:
            runner.stop(at_once=True)
            began = time.monotonic()


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
                if letter == "g":
                    print(WATCHING, file=sys.stderr, flush=True)
                return letter
            print(QUESTION, file=sys.stderr, flush=True)
