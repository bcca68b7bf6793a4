"""Files that anyone may have written, read within limits: no links, no devices, no more than so many bytes."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.contract import bundle

LARGEST_CODE = 2**26  # bytes of a run's copy of its code
MOST_CODE = 5000  # files of it


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open.

    Raises:
        OSError: it cannot be read.
        ValueError: it is a link or no file.
    """
    if path.is_symlink():
        raise ValueError(f"{path.name} is a link")
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError(f"{path.name} is no file")
        yield file


def content(path: Path, largest: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is a link or no file, or larger.
    """
    with opened(path) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"{path.name} has more than {largest} bytes")
    return data


def below(folder: Path) -> Iterator[Path]:
    """The files below a folder, sorted; none where there is no such folder.

    Raises:
        ValueError: one of them, or the folder, is a link or no file, or they are too many or too large.
    """
    if folder.is_symlink():
        raise ValueError(f"{folder.name} is a link")
    count, size = 0, 0
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in (*folders, *sorted(names)):
            path = Path(parent, name)
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode):
                continue
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{path.relative_to(folder.parent)} is a link, or no file")
            count, size = count + 1, size + status.st_size
            if count > MOST_CODE or size > LARGEST_CODE:
                raise ValueError(f"{folder.name} holds more than {MOST_CODE} files or {LARGEST_CODE} bytes")
            yield path


def leads_out(path: Path, folder: Path) -> bool:
    """Whether what a folder holds is no content of its own: a pipe, a device, a link elsewhere, upwards or nowhere."""
    try:
        mode = path.stat().st_mode
    except OSError:  # nowhere, or round in a circle
        return True
    place, parent = Path(os.path.realpath(path)), os.path.realpath(path.parent)
    inside = place.is_relative_to(os.path.realpath(folder)) and not Path(parent).is_relative_to(place)
    return not inside or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def code(folder: Path) -> dict[str, bytes]:
    """A run's copy of its code, as `bundle.received` gives it.

    Raises:
        OSError, ValueError: it cannot be read, or holds a link.
    """
    for _ in below(folder):
        pass
    return bundle.received(folder)
