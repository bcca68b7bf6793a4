"""The code that travels to the worker: whole directories, and the lock that names their libraries.

What a path says is all that decides: a change to any other file of the project does not change the experiment.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

HARNESS = ("contract", "worker", "frameworks")  # packages of src/harness
HOST = "host"  # the folder of a program that stays
LOCK = "requirements-train.lock"  # the lock's name in every bundle


def collect(root: Path, program: str) -> dict[str, bytes]:
    """The bundle of a program of the project at `root`: content by path inside the bundle.

    Raises:
        OSError: a file cannot be read.
    """
    src = root / "src"
    paths = [src / "harness" / "__init__.py", src / "programs" / "__init__.py"]
    for package in HARNESS:
        paths += _files(src / "harness" / package)
    own = src / "programs" / program
    paths += [path for path in _files(own) if path.relative_to(own).parts[0] != HOST]
    return {
        **{path.relative_to(src).as_posix(): path.read_bytes() for path in paths},
        LOCK: lock(root, program).read_bytes(),
    }


def lock(root: Path, program: str) -> Path:
    """The lock of a program: requirements.lock in its own folder, else the project's requirements-train.lock."""
    own = root / "src" / "programs" / program / "requirements.lock"
    return own if own.exists() else root / LOCK


def received(folder: Path) -> dict[str, bytes]:
    """The bundle as it lies in a folder: every file of the two packages, asked for or not, and the lock.

    Raises:
        OSError: a file cannot be read.
    """
    paths = [path for package in ("harness", "programs") for path in _files(folder / package)]
    return {
        **{path.relative_to(folder).as_posix(): path.read_bytes() for path in paths},
        LOCK: (folder / LOCK).read_bytes(),
    }


def _files(folder: Path) -> list[Path]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return [path for path in found if path.suffix != ".pyc"]


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Lay the bundle out in a new folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def code_hash(files: Mapping[str, bytes]) -> str:
    """sha256 over all files but the lock: for each, sorted by path, a line of its path and its content's sha256."""
    lines = [f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files) if name != LOCK]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def lock_hash(files: Mapping[str, bytes]) -> str:
    """sha256 of the lock."""
    return hashlib.sha256(files[LOCK]).hexdigest()
