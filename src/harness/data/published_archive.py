"""The archive in which a data set is published, or a folder that was made of it, unpacked without trusting it."""

import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from harness.contract.errors import DataError

LIMIT = 2**28  # bytes of one file


def unpack(path: Path, folder: Path, names: Sequence[str]) -> None:
    """Copy the files of these names from an archive or a folder into `folder`, which is then what the data folder is.

    A folder may be the one that holds the names, or the one folder that all of them begin with. Nothing else is taken:
    no other name, no link, no place outside. What the files hold is for the caller to verify.

    Raises:
        DataError: the archive is damaged, or has none of the files.
        OSError: as the file system says.
    """
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    taken = _copy(path, folder, names) if path.is_dir() else _unpack_tar(path, folder, names)
    if not taken:
        what = f"{path} holds no {PurePosixPath(names[0]).parts[0]}"
        raise DataError(what, command="python src/fetch.py archive=PATH of the published archive")


def _copy(path: Path, folder: Path, names: Sequence[str]) -> int:
    taken = 0
    for name in names:
        inner = PurePosixPath(*PurePosixPath(name).parts[1:])  # below the folder that all names begin with
        source = next((at for at in (path / name, path / inner) if at.is_file()), None)
        if source is not None:
            shutil.copyfile(source, folder / name)
            taken += 1
    return taken


def _unpack_tar(path: Path, folder: Path, names: Sequence[str]) -> int:
    taken = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name not in names:
                    continue
                file = archive.extractfile(member) if member.isreg() and member.size <= LIMIT else None
                if file is None:
                    raise DataError(f"{path}: {name} is not a file of the size that is expected")
                with (folder / name).open("wb") as target:
                    shutil.copyfileobj(file, target, 2**20)
                taken += 1
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged, or no tar archive: {error}", command="python src/fetch.py") from error
    except OSError as error:
        if error.errno is None:  # gzip's own complaints
            raise DataError(f"{path} is damaged: {error}", command="python src/fetch.py") from error
        raise
    return taken
