"""Locks between programs of this project on one machine. Each ends with its program, however that ends."""

import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.contract.errors import NotReady


def hold(path: Path, refusal: NotReady) -> int:
    """Lock a file and keep it locked until the descriptor that this returns is closed. The file is made if need be.

    Raises:
        NotReady: `refusal`, where another program holds the lock; or it is no file.
    """
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
    except IsADirectoryError as error:
        raise NotReady(f"{path} is a folder, where a lock belongs", command=f"rmdir {shlex.quote(str(path))}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise refusal from error
    return lock


@contextmanager
def alone(path: Path, refusal: NotReady) -> Iterator[None]:
    """Hold the lock for a block of code.

    Raises:
        NotReady: `refusal`, where another program holds the lock.
    """
    lock = hold(path, refusal)
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Wait until no other program holds the lock, and hold it for a block of code."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
