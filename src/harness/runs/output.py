"""A file under a name that a person gave: a device stays a device, a link stays a link."""

import errno
import os
from pathlib import Path

from harness.contract import atomic


def write(target: Path, content: bytes | str) -> None:
    """Leave content under a name: whole or not at all where that is a file or becomes one; else written into it.

    Raises:
        OSError: it cannot be written.
    """
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    special = target.exists() and not target.is_file()
    if special or target.is_relative_to("/dev") or target.is_relative_to("/proc"):
        data = content.encode() if isinstance(content, str) else content
        with os.fdopen(os.open(target, os.O_WRONLY), "wb") as file:
            file.write(data)
        return
    place = Path(os.path.realpath(target))
    place.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(place, content)
