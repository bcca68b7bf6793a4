"""How a host follows its worker: one that is made by hand, in this process, and keeps what it is told."""

import os
import signal as signals
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from harness.launch import follow as following
from harness.launch.follow import answer, follow
from harness.launch.runner import Ended, StopEarly
from harness.runs.run_folder import RunFolder

PATIENCE = 5.0  # seconds that a test's worker waits for what it should be told


class Worker:
    """A runner whose worker says `lines`; it goes on until it is stopped, where it is deaf until it is killed."""

    outlives = remote = False

    def __init__(self, *lines: str, code: int = 1, waits: bool = True, deaf: bool = False) -> None:
        self.grace: float | None = 0.1 if deaf else PATIENCE
        self.code, self.stops = code, list[bool]()
        self._lines, self._waits, self._deaf, self._over = lines, waits, deaf, threading.Event()

    def start(self, run: RunFolder, dataset: Path) -> Any:
        self.stdout, self._left = self, list(self._lines)
        return self

    def readline(self, most: int) -> str:
        """The next line; at its end an empty one, as of a pipe."""
        if self._left:
            return self._left.pop(0)
        if self._waits:
            self._over.wait(PATIENCE)
        return ""

    def wait(self) -> None:
        pass

    def stop(self, at_once: bool) -> None:
        self.stops.append(at_once)
        if at_once or not self._deaf:
            self._over.set()

    def finish(self) -> Ended:
        return Ended(self.code, None, Path("model"), Path("output"))


def followed(worker: Worker, listen: Callable[[str], None], *earlier: str) -> Ended:
    return follow(worker, RunFolder(Path("run")), Path("data"), listen, earlier)


def test_a_worker_of_which_enough_was_heard_is_asked_to_stop_once() -> None:
    heard = []
    worker = Worker("epoch=1\n", "epoch=2\n", "epoch=3\n")

    def listen(line: str) -> None:
        heard.append(line)
        if line.startswith("epoch="):
            raise StopEarly(f"pruned after {line}")

    ended = followed(worker, listen)
    assert worker.stops == [False]
    assert (ended.pruned, ended.reason) == (True, "pruned after epoch=1")
    assert heard[-1].startswith("stopping: pruned after epoch=1; the worker has 5 s")


def test_a_deaf_worker_is_killed_though_the_terminal_is_gone() -> None:
    worker = Worker("epoch=1\n", deaf=True)

    def listen(line: str) -> None:
        if line.startswith("stopping"):
            raise BrokenPipeError(32, "Broken pipe")

    ended = followed(worker, listen, "SIGHUP")
    assert worker.stops[:2] == [False, True]
    assert ended.reason == "stopped by SIGHUP" and not ended.pruned


@pytest.mark.parametrize(("again", "stops"), [(signals.SIGHUP, [False]), (signals.SIGTERM, [False, True])])
def test_a_terminal_that_closes_says_so_twice_and_kills_nothing(again: int, stops: list[bool]) -> None:
    worker = Worker("epoch=1\n", deaf=True)
    worker.grace = PATIENCE
    threading.Timer(1.0, worker._over.set).start()

    def listen(line: str) -> None:
        if line.startswith("stopping"):
            os.kill(os.getpid(), again)

    followed(worker, listen, "SIGHUP")
    assert worker.stops == stops


@pytest.mark.parametrize(
    ("code", "early", "signal", "reason", "pruned"),
    [
        (0, False, "SIGTERM", None, False),
        (1, False, "SIGTERM", "stopped by SIGTERM", False),
        (1, True, "Ctrl-C", "stopped by Ctrl-C", False),
        (0, True, None, None, False),
        (1, False, None, None, False),
    ],
)
def test_a_run_is_stopped_or_pruned_only_where_it_had_not_completed(
    code: int, early: bool, signal: str | None, reason: str | None, pruned: bool
) -> None:
    worker = Worker("epoch=1\n", code=code, waits=early or bool(signal))

    def listen(line: str) -> None:
        if early and line.startswith("epoch="):
            raise StopEarly("pruned")

    ended = followed(worker, listen, *filter(None, [signal]))
    assert (ended.exit_code, ended.reason, ended.pruned) == (code, reason, pruned)


def test_a_worker_that_cannot_start_is_a_failure_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker()
    monkeypatch.setattr(worker, "start", lambda run, dataset: (_ for _ in ()).throw(OSError("no such file")))
    assert followed(worker, print).reason == "the worker could not start: no such file"


class Typist:
    """A terminal at which these lines are typed."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.lines.pop(0)


@pytest.mark.parametrize(
    ("wanted", "typed", "meant"),
    [
        ("SIGHUP", None, "d"),
        ("SIGTERM", None, "s"),
        ("Ctrl-C", None, "s"),
        ("Ctrl-C", ("what?\n", "D\n"), "d"),
        ("Ctrl-C", ("go on\n",), "g"),
        ("Ctrl-C", ("",), "d"),
    ],
)
def test_what_a_signal_means_for_a_job_that_costs(
    monkeypatch: pytest.MonkeyPatch, wanted: str, typed: tuple[str, ...] | None, meant: str
) -> None:
    notes: SimpleQueue[str | None] = SimpleQueue()
    if typed is not None:
        monkeypatch.setattr(sys, "stdin", Typist(*typed))
        monkeypatch.setattr(following.select, "select", lambda *_: ([sys.stdin], [], []))
    assert answer(wanted, notes) == meant


@pytest.mark.parametrize(("note", "meant"), [("Ctrl-C", "s"), (None, "g")])
def test_a_second_signal_stops_it_and_its_end_answers_the_question(
    monkeypatch: pytest.MonkeyPatch, note: str | None, meant: str
) -> None:
    notes: SimpleQueue[str | None] = SimpleQueue()
    monkeypatch.setattr(sys, "stdin", Typist())
    notes.put(note)
    assert answer("Ctrl-C", notes) == meant
    assert notes.empty() == (note is not None)
