"""Files and folders under names that a person gave: a device stays a device, a link stays a link."""

import errno
import os
from pathlib import Path

from harness.contract import atomic
from harness.contract.errors import NotReady


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
    target.parent.mkdir(parents=True, exist_ok=True)  # not where a link leads: to a disk that is not mounted, perhaps
    atomic.write(Path(os.path.realpath(target)), content)


def save(target: Path, content: bytes | str) -> None:
    """As `write`, for what a person asked for by name.

    Raises:
        NotReady: it cannot be written.
    """
    try:
        write(target, content)
    except OSError as error:
        raise NotReady(f"{target} cannot be written: {error.strerror}", legal="a file's path") from error


def make_writable(runs: Path) -> None:
    """Make the folder of all runs if it is not there, and see that it can be written.

    Raises:
        NotReady: it cannot be made or written.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        probe = runs / f".write-test.{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        reason = f"runs_folder={runs} cannot be written: {error.strerror}"
        raise NotReady(reason, legal="a folder of yours", command="python src/train.py runs_folder=PATH") from error
