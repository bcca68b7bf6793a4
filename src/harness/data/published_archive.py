"""The archive that CIFAR-10 is published as, or a folder that was made of it, unpacked without trusting it."""

import shutil
import tarfile
import zlib
from pathlib import Path

from programs.cifar10 import batch_files
from harness.contract.errors import DataError

LIMIT = 2**28  # bytes of one file: eight times the official ones


def unpack(path: Path, folder: Path) -> None:
    """Copy the seven files of the data set from an archive or a folder into `folder`, which is then what data/ is.

    Nothing else is taken: no other name, no link, no place outside. What the files hold is for the caller to verify.

    Raises:
        DataError: the archive is damaged, or has none of the files.
        OSError: as the file system says.
    """
    (folder / batch_files.BATCHES).mkdir()
    if path.is_dir():
        source = path if (path / batch_files.BATCHES).is_dir() else path.parent if path.name == batch_files.BATCHES else path
        taken = 0
        for name in batch_files.NAMES:
            at = source / name if (source / batch_files.BATCHES).is_dir() else source / Path(name).name
            if at.is_file():
                shutil.copyfile(at, folder / name)
                taken += 1
    else:
        taken = _unpack_tar(path, folder)
    if not taken:
        raise DataError(
            f"{path} holds no {batch_files.BATCHES}", command="python src/fetch.py archive=cifar-10-python.tar.gz"
        )


def _unpack_tar(path: Path, folder: Path) -> int:
    taken = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name not in batch_files.NAMES:
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
