"""How two packed versions differ: counts, classes, images added, removed, altered, relabelled, a measure of shift.

What is added or altered is told by the two indices alone; for the shift some images of each part are decoded. Memory
is bounded by the indices, not by the images.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np

from harness.contract.packed import PARTS, Packed
from programs.cifar10.host import differences as family
from programs.images.dataset import Array, parts, table

SAMPLE = 2000  # images of each part and version whose pixels are compared
SIDE = 32  # pixels that they are compared at


def between(old: Path, new: Path) -> list[str]:
    """How two packed folders differ, a line for each aspect; those that are equal are left out.

    Raises:
        DataError: one of them is no packed folder.
        SettingError: a part of one of them holds no image.
    """
    before, after = Packed(old), Packed(new)
    told = []
    gone, come = (sorted({*a.classes} - {*b.classes}) for a, b in ((before, after), (after, before)))
    if gone or come:
        told.append(f"classes: {len(gone)} gone ({' '.join(gone[:10])}), {len(come)} new ({' '.join(come[:10])})")
    names = tuple(sorted({*before.classes, *after.classes}))
    for name, was, now in zip(PARTS, parts(before).values(), parts(after).values(), strict=True):
        told += [f"{name}: {line}" for line in _part(before, after, was, now, names)]
    return told or ["the files differ, images and labels do not"]


def _part(before: Packed, after: Packed, was: Array, now: Array, names: tuple[str, ...]) -> list[str]:
    told = [] if len(was) == len(now) else [f"{len(was)} -> {len(now)} images"]
    old, new = table(before)[was], table(after)[now]
    labels = _labels(before, old, names), _labels(after, new, names)
    told += family.classes(labels[0], labels[1], names)
    _, first, second = np.intersect1d(old["key"], new["key"], assume_unique=True, return_indices=True)
    removed, added = len(old) - len(first), len(new) - len(second)
    if removed or added:
        told.append(f"{removed} images removed, {added} added")
    altered = int((old["digest"][first] != new["digest"][second]).sum())
    if altered:
        told.append(f"{altered} of {len(first)} images that both have differ in their content")
    if relabelled := int((labels[0][first] != labels[1][second]).sum()):
        told.append(
            f"{relabelled} of {len(first)} images that both have are relabelled ({relabelled / len(first):.1%})"
        )
    if removed or added or altered:
        told += family.pixels(_sample(before, was), _sample(after, now))
    return told


def _labels(packed: Packed, rows: Array, names: tuple[str, ...]) -> Array:
    """The classes of rows as places in `names`."""
    places = np.array([names.index(name) for name in packed.classes])
    found: Array = places[rows["label"]]
    return found


def _sample(packed: Packed, rows: Array) -> Array:
    """Some images of a part, evenly spaced: uint8 [n, 32, 32, 3]."""
    chosen = rows[:: -(-len(rows) // SAMPLE)]
    return np.stack([_pixels(packed[int(row)][0]) for row in chosen])


def _pixels(content: bytes) -> Any:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.BOX))
