"""Removing folders: only those that the harness made, in places of its own."""

import shutil
from pathlib import Path


def remove(folder: Path, parent: Path) -> None:
    """Remove a folder, or a link in its place, that is a direct child of `parent`; none there is none to remove.

    Raises:
        ValueError: it lies elsewhere.
    """
    if folder.parent != parent or folder.name in ("", ".", "..") or parent == parent.parent:
        raise ValueError(f"{folder} is not in {parent}")
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)
