"""The archive in which a data set is published, or a folder that was made of it, unpacked without trusting it."""

import bz2
import gzip
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from harness.contract import legal
from harness.contract.errors import DataError
from harness.runs import reading
from harness.runs.limited import Limited

LIMIT = 2**28  # bytes of one file
MOST = 100_000  # entries of an archive
PIECE = 2**20  # bytes that are read at once; also the most that a header of an archive may state of itself
PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}  # by how such a file begins


def unpack(path: Path, folder: Path, names: Sequence[str]) -> None:
    """Copy the files of these names from an archive or a folder into `folder`, which is then what the data folder is.

    A folder may be the one that holds the names, or the one folder that all of them begin with. Nothing else is taken:
    no other name, no link, no place outside, nothing twice, no file of more than LIMIT bytes. What the files hold is
    for the caller to verify.

    Raises:
        DataError: the archive is damaged, too large, or has none of the files.
        OSError: as the file system says.
    """
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    try:
        taken = _copy(path.resolve(), folder, names) if path.is_dir() else _unpack_tar(path.resolve(), folder, names)
    except ValueError as error:
        raise DataError(f"{path}: {error}", legal="plain files, as they were published") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        what = f"{path} is damaged, or no tar archive: {legal.spelled(str(error))}"
        raise DataError(what, command="python src/fetch.py") from error
    except OSError as error:
        if error.errno is None:  # gzip's and bzip2's own complaints
            raise DataError(f"{path} is damaged: {error}", command="python src/fetch.py") from error
        raise
    if not taken:
        what = f"{path} holds no {PurePosixPath(names[0]).parts[0]}"
        raise DataError(what, command="python src/fetch.py archive=PATH of the published archive")


def _copy(path: Path, folder: Path, names: Sequence[str]) -> int:
    taken = 0
    for name in names:
        inner = PurePosixPath(*PurePosixPath(name).parts[1:])  # below the folder that all names begin with
        source = next((at for at in (path / name, path / inner) if at.is_file()), None)
        if source is None:
            continue
        if source.resolve() != source:
            raise ValueError(f"{name} is a link, or below one; type: cp -rL makes plain files of them")
        with reading.opened(source) as file:
            _take(file, folder / name)
        taken += 1
    return taken


def _unpack_tar(path: Path, folder: Path, names: Sequence[str]) -> int:
    left = set(names)
    with ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(reading.opened(path))
        begins = file.read(2)
        file.seek(0)
        if begins in PACKED:
            file = stack.enter_context(PACKED[begins](file))
        limited = Limited(file, LIMIT * (len(names) + 1), PIECE)
        archive = stack.enter_context(tarfile.open(fileobj=limited, mode="r:"))
        for number, member in enumerate(archive):
            name = member.name.removeprefix("./")
            if number > MOST:
                raise ValueError(f"it has more than {MOST} entries")
            if name not in names:
                continue
            content = archive.extractfile(member) if member.isreg() and member.size <= LIMIT else None
            if content is None or name not in left:
                raise ValueError(f"{name} is not a file of the size that is expected, or is there twice")
            _take(cast(BinaryIO, content), folder / name)
            left.remove(name)
    return len(names) - len(left)


def _take(source: BinaryIO, target: Path) -> None:
    """Copy a file, but no more than LIMIT bytes: it may grow meanwhile."""
    with target.open("wb") as file:
        shutil.copyfileobj(Limited(source, LIMIT, PIECE), file, PIECE)
