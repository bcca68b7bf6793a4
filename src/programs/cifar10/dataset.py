"""The images of a data set in memory, read from verified bytes and split by the seed. numpy only."""

import hashlib
import mmap
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.contract.errors import DataError, SettingError
from harness.contract.identity import FETCH, compare, file_id, names_in
from harness.contract.plan import DatasetId, FileId
from programs.cifar10 import batch_files
from programs.cifar10.files import META, TEST, TRAIN

SPLIT = 0x5B117  # purpose of the numbers that hold out validation images; no other purpose uses it


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images uint8 [n, 32, 32, 3], C-contiguous, red first; labels int32 [n], indices into class_names."""

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int32]
    validation_images: npt.NDArray[np.uint8]
    validation_labels: npt.NDArray[np.int32]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int32]
    class_names: tuple[str, ...]


def load(
    folder: Path, num_data_batches: int, validation_images: int, seed: int, expected: DatasetId | None = None
) -> Dataset:
    """The first `num_data_batches` training batches, split by the seed alone, and the test batch.

    Each file is read once: what was hashed is what is unpickled. All files of `expected` are hashed, used or not.

    Raises:
        DataError: a file is not the expected one, or not what a CIFAR-10 file holds; names it.
        SettingError: the split leaves no image to train on.
    """
    used = (*TRAIN[:num_data_batches], TEST, META)
    if expected is not None:
        present = names_in(folder)
        unread = tuple(file_id(folder, name) for name in present if name not in used)
        promised = tuple(file for file in expected.files if file.path in used and file.path in present)
        compare(replace(expected, files=(*unread, *promised)), expected)
    classes = batch_files.class_names(_content(folder, META, expected), META)
    batches = [batch_files.batch(_content(folder, path, expected), path, len(classes)) for path in used[:-1]]
    test_pixels, test_labels = batches.pop()
    total = sum(len(labels) for _, labels in batches)
    if validation_images >= total:
        raise SettingError(
            f"validation_images={validation_images} leaves nothing to train on: num_data_batches={num_data_batches} "
            f"holds {total} images",
            legal=f"0 to {total - 1}",
            command=f"python src/train.py validation_images={total - 1}",
        )
    held = _held_out(total, validation_images, seed)
    labels = np.concatenate([each for _, each in batches])
    train = np.empty((total - validation_images, 32, 32, 3), np.uint8)
    validation = np.empty((validation_images, 32, 32, 3), np.uint8)
    seen = kept = 0
    while batches:
        images = batch_files.nhwc(batches.pop(0)[0])  # a batch is let go as soon as it is copied
        for start in range(0, len(images), 1000):  # in pieces, for their copies cost memory
            piece, mask = images[start : start + 1000], held[seen : seen + 1000][: len(images) - start]
            count = len(piece) - int(mask.sum())
            train[kept : kept + count] = piece[~mask]
            validation[seen - kept : seen - kept + len(piece) - count] = piece[mask]
            seen, kept = seen + len(piece), kept + count
    test_images = np.ascontiguousarray(batch_files.nhwc(test_pixels))
    return Dataset(train, labels[~held], validation, labels[held], test_images, test_labels, classes)


def load_test(folder: Path, expected: DatasetId | None = None) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Test images and labels as in Dataset; only the test batch and the class names are read.

    Raises:
        DataError: as `load`.
    """
    classes = batch_files.class_names(_content(folder, META, expected), META)
    pixels, labels = batch_files.batch(_content(folder, TEST, expected), TEST, len(classes))
    return np.ascontiguousarray(batch_files.nhwc(pixels)), labels


def class_names(folder: Path) -> tuple[str, ...]:
    """The names of the classes, by label.

    Raises:
        DataError: as `load`.
    """
    return batch_files.class_names(_content(folder, META, None), META)


def _held_out(total: int, count: int, seed: int) -> npt.NDArray[np.bool_]:
    """True [total] for `count` images: the last of an order that depends on (purpose, seed) alone.

    Raw output, sorted: numpy promises that stream for good, which it does not for `permutation`.
    """
    order = np.argsort(np.random.PCG64(np.random.SeedSequence([SPLIT, seed])).random_raw(total), kind="stable")
    held = np.zeros(total, np.bool_)
    held[order[total - count :]] = True
    return held


def _content(folder: Path, path: str, expected: DatasetId | None) -> mmap.mmap:
    """A file's bytes, in memory that goes back to the system when they are let go."""
    try:
        with (folder / path).open("rb") as file:
            content = mmap.mmap(-1, max(1, os.fstat(file.fileno()).st_size))
            size = file.readinto(content)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing", command=FETCH) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", command=FETCH) from error
    if expected is not None:
        found = FileId(path, hashlib.md5(content, usedforsecurity=False).hexdigest(), size)
        want = tuple(file for file in expected.files if file.path == path)
        compare(replace(expected, files=(found,)), replace(expected, files=want))
    return content


def check(folder: Path, num_data_batches: int, validation_images: int, batch_size: int) -> None:
    """Read everything that a training would, so that bad data and sizes that do not go together are known before it.

    Raises:
        DataError: a file is not what a CIFAR-10 file holds; names it.
        SettingError: the split leaves no image to train on, or less than a batch.
    """
    images = len(load(folder, num_data_batches, validation_images, seed=0).train_labels)
    if batch_size > images:
        raise SettingError(
            f"batch_size={batch_size} is more than the {images} training images that "
            f"num_data_batches={num_data_batches} and validation_images={validation_images} leave",
            legal=f"1 to {images}",
            command=f"python src/train.py batch_size={min(images, 32)}",
        )
