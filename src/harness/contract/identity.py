"""Which bytes a data set is, and whether a folder holds those bytes. Standard library only: asking is quick.

A folder here is what data/ is.
"""

import hashlib
import json
import os
import shlex
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.contract import legal
from harness.contract.errors import DataError
from harness.contract.plan import DatasetId, FileId

FETCH = "python src/fetch.py"
MOST = 100_000  # files of one data set


def directory_hash(files: tuple[FileId, ...]) -> str:
    """DVC's hash of a folder: md5 of the JSON list of {md5, relpath}, sorted by relpath, then '.dir'."""
    listing = [{"md5": file.md5, "relpath": file.path} for file in sorted(files, key=lambda file: file.path)]
    return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest() + ".dir"


def identify(folder: Path, name: str, sample: bool = False) -> DatasetId:
    """What a folder holds, every file hashed.

    Raises:
        DataError: the folder is absent or empty, or a file cannot be read.
    """
    found = names_in(folder)
    if not found:
        raise DataError(f"{folder} holds no files", command=FETCH)
    with ThreadPoolExecutor(min(len(found), os.cpu_count() or 1)) as threads:  # md5 leaves the interpreter's lock
        files = tuple(threads.map(lambda name: file_id(folder, name), found))
    return DatasetId(name, directory_hash(files), sum(file.size for file in files), sample, files)


def names_in(folder: Path) -> list[str]:
    """The files below a folder by relative path, sorted; links are followed, as DVC makes them, but to no loop.

    Raises:
        DataError: a link leads back to a folder above it, or there are too many files.
    """
    names: list[str] = []
    above = {str(folder): frozenset({os.path.realpath(folder)})}  # of each folder, itself and those that lead to it
    for parent, folders, files in os.walk(folder, followlinks=True):
        for each in folders:
            path = os.path.join(parent, each)  # noqa: PTH118  # as os.walk will name it
            real = os.path.realpath(path)
            if real in above[parent]:
                raise DataError(f"{path} is a link to a folder above it", command=f"rm {shlex.quote(path)}")
            above[path] = above[parent] | {real}
        names += [Path(parent, name).relative_to(folder).as_posix() for name in files]
        if len(names) + len(above) > MOST:
            raise DataError(f"{folder} holds more than {MOST} files", legal="a folder of a data set")
    return sorted(names)


def file_id(folder: Path, name: str) -> FileId:
    if not legal.PATH.test(name):
        raise DataError(f"{folder}: {legal.spelled(name)!r} cannot be the name of a file of a data set", command=FETCH)
    try:
        with open(folder / name, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{name} is no file", command=f"rm {shlex.quote(str(folder / name))}")
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            return FileId(name, digest, file.tell())
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}", command=FETCH) from error


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for a writer, where the name is a pipe's."""
    return os.open(path, flags | os.O_NONBLOCK)


def verify(folder: Path, expected: DatasetId, repair: str = FETCH) -> None:
    """Check that a folder holds exactly the expected files. `repair` is what the user is told to type.

    Raises:
        DataError: names the first file that is missing, unexpected, of another size, or altered.
    """
    compare(identify(folder, expected.name), expected, repair)


def compare(found: DatasetId, expected: DatasetId, repair: str = FETCH) -> None:
    """`verify` for a folder that was identified already. An expected size below 0 is unknown."""
    have, want = ({file.path: file for file in each.files} for each in (found, expected))
    for path in sorted(have.keys() | want.keys()):
        if path not in have:
            raise DataError(f"{path} is missing", command=repair)
        if path not in want:
            raise DataError(f"{path} is not part of {expected.name}", command=repair)
        one, other = have[path], want[path]
        if other.size >= 0 and one.size != other.size:
            raise DataError(f"{path} has {one.size} bytes instead of {other.size}", command=repair)
        if one.md5 != other.md5:
            raise DataError(f"{path} is altered: md5 {one.md5} instead of {other.md5}", command=repair)
