"""The code that travels to the worker: whole directories, and the lock that names their libraries.

What a path says is all that decides: a change to any other file of the project does not change the experiment.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

HARNESS = ("contract", "worker", "frameworks")  # packages of src/harness
HOST = "host"  # the folder of a program that stays
LOCK = "requirements-train.lock"  # the lock's name in every bundle
IMPORTED = re.compile(rb"(?m)^\s*(?:from programs import|from programs\.|import programs\.)\s*(\w+)")


def collect(root: Path, program: str) -> dict[str, bytes]:
    """The bundle of a program of the project at `root`: content by path inside the bundle.

    Programs that it imports modules of travel with it.

    Raises:
        OSError: a file cannot be read.
    """
    src = root / "src"
    paths = [src / "harness" / "__init__.py", src / "programs" / "__init__.py"]
    for package in HARNESS:
        paths += _files(src / "harness" / package)
    paths += _programs(src / "programs", program)
    return {
        **{path.relative_to(src).as_posix(): path.read_bytes() for path in paths},
        LOCK: lock(root, program).read_bytes(),
    }


def _programs(folder: Path, program: str) -> list[Path]:
    """The files of a program that travel, and of those that it builds on, without what stays on the host."""
    waiting, paths = [program], dict[str, list[Path]]()
    while waiting:
        name = waiting.pop()
        own = folder / name
        paths[name] = [path for path in _files(own) if path.relative_to(own).parts[0] != HOST]
        for path in paths[name]:
            imported = {each.decode() for each in IMPORTED.findall(path.read_bytes()) if path.suffix == ".py"}
            waiting += [each for each in imported if each not in paths and (folder / each).is_dir()]
    return [path for name in sorted(paths) for path in paths[name]]


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
