"""Files and folders that appear whole under their final name, or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"
UNSYNCED = f"{PART}.sagemaker-ignore"  # what SageMaker brings to S3 while it grows, unless its name ends so


def write(path: Path, content: bytes | str, part: str = PART) -> None:
    """Write a file through a temporary sibling, whose name ends with `part`; flushed to disk before it gets its name.

    Raises:
        OSError: as the file system says; the temporary file is gone and an older file is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}{part}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """A temporary sibling to fill; it becomes `path` at the end, and is removed if anything fails.

    Raises:
        OSError: as the file system says; FileExistsError or ENOTEMPTY where `path` exists.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def sha256(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
