"""One program at a time obtains data."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.contract.errors import NotReady
from harness.runs import locks

LOCK = "fetch.lock"  # in the cache
PATIENCE = 2 * 3600.0  # seconds that another program may take: as long as a download may last


@contextmanager
def taken(cache: Path, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """One process at a time; what the file system refuses meanwhile is the user's to mend.

    Raises:
        NotReady: another process takes too long, or a file cannot be written.
    """
    path = cache / LOCK
    refusal = NotReady(f"another program has obtained data for {PATIENCE / 60:.0f} min ({path})", legal="its end")
    try:
        cache.mkdir(exist_ok=True)
        lock = _hold(path, refusal, say)
        try:
            yield
        finally:
            os.close(lock)
    except OSError as error:
        what = f"{error.filename or cache.parent}: {error.strerror or error}"
        raise NotReady(what, command="python src/fetch.py once that is mended") from error


def _hold(path: Path, refusal: NotReady, say: Callable[[str], None] | None) -> int:
    """The lock, once it is free; that it is waited for is said once."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return locks.hold(path, refusal)
        except NotReady as error:
            if error is not refusal or time.monotonic() > end:
                raise
        if say:
            say(f"waiting   for another program that obtains data (it holds {path})")
            say = None
        time.sleep(0.1)
