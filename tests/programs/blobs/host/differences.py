"""How two versions of the points differ."""

from pathlib import Path

import numpy as np

from programs.blobs.training import CLASSES, read


def between(old: Path, new: Path) -> list[str]:
    """A line for each part whose classes have other numbers of points."""
    lines = []
    for part in ("train", "test"):
        counts = [np.bincount(read(folder, part)[1], minlength=len(CLASSES)).tolist() for folder in (old, new)]
        if counts[0] != counts[1]:
            each = zip(CLASSES, *counts, strict=True)
            lines.append(f"{part}: " + ", ".join(f"{name} {was} -> {now}" for name, was, now in each))
    return lines
