"""ZIP files of anyone's, unpacked within limits: of names, numbers, sizes and what they may unpack to."""

import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from harness.contract import legal
from harness.runs import reading
from harness.runs.limited import Limited

LARGEST = 2**28  # bytes of one file
TOTAL = 2**30  # of all of them, and of the archive
MOST = 10_000  # files
RATIO = 200  # times that a file of more than SMALL bytes may be larger than it is in the archive
SMALL = 2**20
TABLE = 2**22  # bytes of an archive's table of contents; each of its entries takes some ten times as many in memory
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What one that is damaged or made to harm can raise; RuntimeError: encrypted, nested, or packed in an unknown way.
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


class Archive:
    """An open ZIP file; what is read of it is counted."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file, self._left = file, TOTAL
        self.names = [info.filename for info in file.infolist() if not info.is_dir()]
        if len(self.names) > MOST:
            raise ValueError(f"it holds more than {MOST} files")
        if len({*self.names}) < len(self.names):
            raise ValueError("it holds two files of one name")

    def read(self, name: str, largest: int = LARGEST) -> bytes:
        """The content of a file.

        Raises:
            ValueError, KeyError: it is too large, no file, or not there; others of `DAMAGED`.
        """
        info, shown = self._file.getinfo(name), legal.spelled(name[:100])
        if stat.S_ISLNK(info.external_attr >> 16):
            raise ValueError(f"{shown} is a link")
        if info.flag_bits & 1 or info.compress_type not in METHODS:
            raise ValueError(f"{shown} is encrypted, or packed in another way")
        if info.file_size > min(largest, self._left):
            raise ValueError(f"{shown} is too large")
        if info.file_size > SMALL and info.file_size > RATIO * info.compress_size:
            raise ValueError(f"{shown} unpacks to more than {RATIO} times its size")
        self._left -= info.file_size
        with self._file.open(name) as file:  # not `read`, which unpacks all before it looks at the size that is stated
            content = file.read(info.file_size)
        if len(content) < info.file_size:
            raise ValueError(f"{shown} ends before its size")
        return content


@contextmanager
def opened(source: Path | bytes) -> Iterator[Archive]:
    """A ZIP file, open.

    Raises:
        one of `DAMAGED`: it is none.
    """
    if isinstance(source, bytes):
        with _open(BytesIO(source), len(source)) as archive:
            yield archive
        return
    with reading.opened(source.resolve()) as file, _open(file, os.fstat(file.fileno()).st_size) as archive:
        yield archive


@contextmanager
def _open(file: IO[bytes], size: int) -> Iterator[Archive]:
    if size > TOTAL:
        raise ValueError(f"it has more than {TOTAL} bytes")
    limited = Limited(file, size, TABLE)
    with zipfile.ZipFile(limited) as archive:
        limited.at_once = LARGEST
        yield Archive(archive)


def write_below(folder: Path, name: str, content: bytes) -> None:
    """Write a file below the folder, and nowhere else.

    Raises:
        ValueError: its name leads elsewhere.
    """
    if not legal.PATH.test(name):
        raise ValueError(f"{name[:200]!r} is no name of a file in an archive")
    target = folder.joinpath(*PurePosixPath(name).parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
