"""Locks between programs of this project on one machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.contract.errors import NotReady


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One process at a time; what the file system refuses meanwhile is the user's to mend."""
    try:
        cache.mkdir(exist_ok=True)
        with (cache / "fetch.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        what = f"{error.filename or cache.parent / 'data'}: {error.strerror or error}"
        raise NotReady(what, command="python src/fetch.py once that is mended") from error
