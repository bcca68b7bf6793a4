"""Checkpoints as files: a training in steps has those of one form, a script whatever it writes."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.runs import reading

# What SageMaker lays beside a checkpoint, and what it leaves alone.
MARKS = (".sagemaker-uploading", ".sagemaker-uploaded", ".sagemaker-ignore")


def files(folder: Path) -> list[Path]:
    """What a run can be resumed from."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _beside(path.name) and not reading.leads_out(path, folder)
    ]


def copy(folder: Path | None, target: Path) -> None:
    """A new folder with copies of them, and of the rows that the worker keeps beside them; of nothing from elsewhere.

    Raises:
        OSError: as the file system says.
    """
    if folder is not None and folder.exists():
        top = Path(os.path.realpath(folder))

        def left_out(parent: str, names: Sequence[str]) -> list[str]:
            torn = {name for name in names if name.endswith(MARKS) or (name.startswith(".") and name.endswith(".part"))}
            return [name for name in names if name in torn or reading.leads_out(Path(parent, name), top)]

        shutil.copytree(top, target, ignore=left_out)
    target.mkdir(exist_ok=True)


def _beside(name: str) -> bool:
    """Whether a file is none of them, by its name."""
    return name.startswith(".") or name.endswith(MARKS)
