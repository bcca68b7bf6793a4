"""Checkpoints as files: a training in steps has those of one form, a script whatever it writes."""

import shutil
from pathlib import Path


def files(folder: Path) -> list[Path]:
    """What a run can be resumed from."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]


def copy(folder: Path | None, target: Path) -> None:
    """A new folder with copies of them, and of the rows that the worker keeps beside them.

    Raises:
        OSError: as the file system says.
    """
    if folder is not None and folder.exists():
        torn = shutil.ignore_patterns(".*.part")
        shutil.copytree(folder, target, ignore=torn, ignore_dangling_symlinks=True)
    target.mkdir(exist_ok=True)
