"""Locks between programs of this project on one machine."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.contract.errors import NotReady
from harness.runs import locks

SOURCE = Path(locks.__file__).parents[2]
REFUSAL = NotReady("somebody else is at it")


@contextmanager
def holder(path: Path, how: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock until it ends."""
    program = (
        "import sys, time; from pathlib import Path; from harness.runs import locks\n"
        "from harness.contract.errors import NotReady\n"
        f"lock = locks.{how}\n"
        "with lock:\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", program, str(path)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


ALONE, IN_TURN = "alone(Path(sys.argv[1]), NotReady('why'))", "in_turn(Path(sys.argv[1]))"


def test_what_another_process_holds_is_refused_until_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path, ALONE) as other:
        with pytest.raises(NotReady) as error, locks.alone(path, REFUSAL):
            raise AssertionError("entered")
        assert error.value is REFUSAL
        other.send_signal(signal.SIGKILL)
        other.wait()
    with locks.alone(path, REFUSAL):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_refused_within_one_process_too_and_free_when_the_block_is_left_however(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ValueError, match="mine"), locks.alone(path, REFUSAL):
        with pytest.raises(NotReady), locks.alone(path, REFUSAL):
            raise AssertionError("entered")
        raise ValueError("mine")
    lock = locks.hold(path, REFUSAL)
    with pytest.raises(NotReady):
        locks.hold(path, REFUSAL)
    os.close(lock)
    os.close(locks.hold(path, REFUSAL))


def test_a_refused_lock_leaves_no_descriptor_open(tmp_path: Path) -> None:
    with locks.alone(tmp_path / "lock", REFUSAL):
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(5):
            with pytest.raises(NotReady):
                locks.hold(tmp_path / "lock", REFUSAL)
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_in_turn_waits_for_the_other_and_then_has_it(tmp_path: Path) -> None:
    path, entered = tmp_path / "lock", threading.Event()

    def enter() -> None:
        with locks.in_turn(path):
            entered.set()

    with holder(path, IN_TURN):
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
    thread.join(10)
    assert entered.is_set()


def test_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """A tracker or a container's client that outlives the command does not keep the next one out."""
    path = tmp_path / "lock"
    program = "import time; print('begun', flush=True); time.sleep(60)"
    with locks.alone(path, REFUSAL):
        child = subprocess.Popen([sys.executable, "-c", program], close_fds=False, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
    try:
        began = time.monotonic()
        with locks.alone(path, REFUSAL):
            assert time.monotonic() - began < 5
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_folder_that_is_not_there_is_the_file_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        locks.hold(tmp_path / "absent" / "lock", REFUSAL)
