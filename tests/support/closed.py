"""Folders that somebody closes while a program works in them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def closed(folder: Path) -> Iterator[None]:
    """A folder, closed to this process: where this is root, who then is somebody else, by its owner."""
    root, mode = os.geteuid() == 0, folder.stat().st_mode
    folder.chmod(0)
    os.seteuid(12345 if root else os.geteuid())
    try:
        yield
    finally:
        os.seteuid(0 if root else os.geteuid())
        folder.chmod(mode)
