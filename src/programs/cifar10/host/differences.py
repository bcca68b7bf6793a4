"""How two versions of a data set differ: counts, classes, pixels, images and labels, and a measure of shift.

The measure is that of Rabanser, Guennemann and Lipton, Failing Loudly (NeurIPS 2019): univariate Kolmogorov-Smirnov
tests on a reduced representation, here the leading principal components, corrected by Bonferroni; for labels a
chi-squared test of the class counts.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.contract import identity
from programs.cifar10 import dataset, files

Array = npt.NDArray[Any]
COMPONENTS = 16
SAMPLE = 10_000  # images of each version in the test, evenly spaced: enough to see a shift of two hundredths
ALIKE = 0.99  # correlation of two images' 8 x 8 grey versions from which on they are one image, altered
PIECE = 500  # images at a time in the search for altered ones
SIGNIFICANT = 0.001


@dataclass(frozen=True, eq=False)
class Split:
    """Images uint8 [n, 32, 32, 3] and labels int [n] of the training or the test part."""

    images: Array
    labels: Array


@dataclass(frozen=True)
class Matched:
    """How the images of two versions belong together: pairs of indices, and how many of them have other pixels."""

    old: Array
    new: Array
    altered: int


def between(old: Path, new: Path) -> list[str]:
    """How two folders, each as data/ is, differ, a line for each aspect; those that are equal are left out.

    Raises:
        DataError: one of them is no data set of this kind.
    """
    names = dataset.class_names(new)
    told = []
    if (before := dataset.class_names(old)) != names:
        told.append(f"class names: {' '.join(before)} -> {' '.join(names)}")
    parts = [(_train(folder), Split(*dataset.load_test(folder))) for folder in (old, new)]
    for part, was, now in zip(("training", "test"), *parts, strict=True):
        told += [f"{part}: {line}" for line in _split(was, now, names)]
    return told or ["the files differ, images and labels do not"]


def _train(folder: Path) -> Split:
    count = sum(name in identity.names_in(folder) for name in files.TRAIN)
    found = dataset.load(folder, count, 0, seed=0)
    return Split(found.train_images, found.train_labels)


def _split(old: Split, new: Split, names: tuple[str, ...]) -> list[str]:
    told = []
    if len(old.labels) != len(new.labels):
        told.append(f"{len(old.labels)} -> {len(new.labels)} images")
    told += classes(old.labels, new.labels, names)
    pair = match(old.images, new.images)
    removed, added = len(old.labels) - len(pair.old), len(new.labels) - len(pair.new)
    if removed or added:
        told.append(f"{removed} images removed, {added} added")
    if pair.altered:
        told.append(f"{pair.altered} of {len(pair.old)} images that both have differ in their pixels")
    if relabelled := int((old.labels[pair.old] != new.labels[pair.new]).sum()):
        share = relabelled / len(pair.old)
        told.append(f"{relabelled} of {len(pair.old)} images that both have are relabelled ({share:.1%})")
    return told + pixels(old.images, new.images)


def classes(old: Array, new: Array, names: tuple[str, ...]) -> list[str]:
    """The classes whose counts differ, and how much the balance does: total variation, chi-squared test."""
    from scipy.stats import chi2_contingency

    before, after = (np.bincount(labels, minlength=len(names)) for labels in (old, new))
    changed = [f"{name} {a} -> {b}" for name, a, b in zip(names, before, after, strict=True) if a != b]
    if not changed:
        return []
    there = (before + after) > 0
    p = float(chi2_contingency(np.stack([before, after])[:, there]).pvalue)
    distance = float(np.abs(before / before.sum() - after / after.sum()).sum() / 2)
    return [
        f"class counts: {', '.join(changed)}",
        f"label shift: total variation {distance:.3f}, {_significance(p)}",
    ]


def pixels(old: Array, new: Array) -> list[str]:
    """Brightness and contrast where they differ, and the largest Kolmogorov-Smirnov distance of a component."""
    from scipy.stats import ks_2samp

    if old.shape == new.shape and np.array_equal(old, new):
        return []
    told = []
    means, spreads = ([each.mean((0, 1, 2)), each.std((0, 1, 2))] for each in (old, new))
    (mean_old, std_old), (mean_new, std_new) = means, spreads
    if np.abs(mean_new - mean_old).max() >= 0.5:
        change = mean_new - mean_old
        told.append(
            f"brightness: {mean_old.mean():.1f} -> {mean_new.mean():.1f} of 255 ({_triple(change)} in red, green, "
            f"blue; {change.mean() / std_old.mean():+.2f} standard deviations)"
        )
    if np.abs(std_new / std_old - 1).max() >= 0.02:
        told.append(f"contrast: standard deviation {std_old.mean():.1f} -> {std_new.mean():.1f} of 255")
    few = [_grid(each[:: max(1, len(each) // SAMPLE)][:SAMPLE], 3) for each in (old, new)]
    fitted, held = few[0][::2], few[0][1::2]  # components follow the chance in the images that they were found on
    centre = fitted.mean(0)
    _, vectors = np.linalg.eigh(np.cov((fitted - centre).T))
    a, b = ((each - centre) @ vectors[:, -COMPONENTS:] for each in (held, few[1]))
    tests = [ks_2samp(a[:, at], b[:, at], method="asymp") for at in range(COMPONENTS)]
    largest = max(tests, key=lambda each: each.statistic)
    p = min(1.0, float(min(each.pvalue for each in tests)) * COMPONENTS)
    told.append(
        f"image shift: {largest.statistic:.3f} (largest Kolmogorov-Smirnov distance of {COMPONENTS} principal "
        f"components), {_significance(p)}"
    )
    return told


def match(old: Array, new: Array) -> Matched:
    """Pair equal images, then those whose small grey versions correlate: the same image, brighter or compressed."""
    free = defaultdict(list)
    for at, key in enumerate(_keys(new)):
        free[key].append(at)
    for places in free.values():
        places.reverse()  # so that equal images pair in order
    pairs = [(at, free[key].pop()) for at, key in enumerate(_keys(old)) if free[key]]
    left = np.setdiff1d(np.arange(len(old)), [a for a, _ in pairs])
    right = np.setdiff1d(np.arange(len(new)), [b for _, b in pairs])
    altered = _correlated(old[left], new[right])
    found = np.array([*pairs, *((left[a], right[b]) for a, b in altered)], np.int64).reshape(-1, 2)
    return Matched(found[:, 0], found[:, 1], len(altered))


def _keys(images: Array) -> list[bytes]:
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]


def _correlated(old: Array, new: Array) -> list[tuple[int, int]]:
    """Pairs that are each other's best match, and correlate enough."""
    if not len(old) or not len(new):
        return []
    a, b = (_normal(_grid(each, 1)) for each in (old, new))
    best_of_old, best_of_new = np.zeros(len(a), np.int64), np.zeros(len(b), np.int64)
    height_of_new = np.full(len(b), -2.0, np.float32)
    height_of_old = np.zeros(len(a), np.float32)
    for start in range(0, len(a), PIECE):
        products = a[start : start + PIECE] @ b.T
        best_of_old[start : start + PIECE] = products.argmax(1)
        height_of_old[start : start + PIECE] = products.max(1)
        rows, heights = products.argmax(0), products.max(0)
        higher = heights > height_of_new
        best_of_new[higher], height_of_new[higher] = rows[higher] + start, heights[higher]
    mutual = (best_of_new[best_of_old] == np.arange(len(a))) & (height_of_old >= ALIKE)
    return [(int(at), int(best_of_old[at])) for at in np.flatnonzero(mutual)]


def _grid(images: Array, channels: int) -> Array:
    """Means of 4 x 4 pixels: float32 [n, 8 * 8 * channels]; one channel is grey."""
    blocks = images.reshape(len(images), 8, 4, 8, 4, 3)
    small = blocks.mean((2, 4), dtype=np.float32)
    flat: Array = (small if channels == 3 else small.mean(3)).reshape(len(images), -1)
    return flat


def _normal(rows: Array) -> Array:
    centred = rows - rows.mean(1, keepdims=True)
    normal: Array = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return normal


def _triple(values: Array) -> str:
    return ", ".join(f"{value:+.1f}" for value in values)


def _significance(p: float) -> str:
    shown = f"p = {p:.2g}" if p >= 1e-12 else "p < 1e-12"
    return f"{shown}: {'a shift' if p < SIGNIFICANT else 'no more than chance'}"
