"""The data set: which bytes it is, whether a folder holds those bytes, and the images in memory. numpy only.

A folder here is what data/ is: its content is cifar-10-batches-py/ with five training batches, a test batch, and names.
"""

import hashlib
import json
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import cifar10
from harness.errors import ChangeSetting, RepairData
from harness.plan import DatasetId, FileId

BATCHES = "cifar-10-batches-py"
TRAIN = tuple(f"{BATCHES}/data_batch_{number}" for number in range(1, 6))
TEST, META = f"{BATCHES}/test_batch", f"{BATCHES}/batches.meta"
NAMES = (META, *TRAIN, TEST)
SPLIT = 0x5B117  # purpose of the numbers that hold out validation images; no other purpose uses it
FETCH = "python src/fetch.py"

CIFAR10 = DatasetId(  # checksums as published; the directory hash follows from them
    name="cifar-10",
    hash="15fc275e5cae3db098ab0f217a684a1f.dir",
    size=186214026,
    sample=False,
    files=(
        FileId(META, "5ff9c542aee3614f3951f8cda6e48888", 158),
        FileId(TRAIN[0], "c99cafc152244af753f735de768cd75f", 31035704),
        FileId(TRAIN[1], "d4bba439e000b95fd0a9bffe97cbabec", 31035320),
        FileId(TRAIN[2], "54ebc095f3ab1f0389bbae665268c751", 31035999),
        FileId(TRAIN[3], "634d18415352ddfa80567beed471001a", 31035696),
        FileId(TRAIN[4], "482c414d41f54cd18b22e5b47cb7c3cb", 31035623),
        FileId(TEST, "40351d587109b95175f43aff81a1287e", 31035526),
    ),
)


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


def directory_hash(files: tuple[FileId, ...]) -> str:
    """DVC's hash of a folder: md5 of the JSON list of {md5, relpath}, sorted by relpath, then '.dir'."""
    listing = [{"md5": file.md5, "relpath": file.path} for file in sorted(files, key=lambda file: file.path)]
    return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest() + ".dir"


def identify(folder: Path, name: str, sample: bool = False) -> DatasetId:
    """What a folder holds, every file hashed.

    Raises:
        RepairData: the folder is absent or empty, or a file cannot be read.
    """
    found = _names(folder)
    if not found:
        raise RepairData(f"{folder} holds no files", command=FETCH)
    with ThreadPoolExecutor(min(len(found), os.cpu_count() or 1)) as threads:  # md5 leaves the interpreter's lock
        files = tuple(threads.map(lambda name: file_id(folder, name), found))
    return DatasetId(name, directory_hash(files), sum(file.size for file in files), sample, files)


def _names(folder: Path) -> list[str]:
    """The files below a folder by relative path, sorted; links are followed, as DVC makes them."""
    walk = os.walk(folder, followlinks=True)
    return sorted(Path(parent, name).relative_to(folder).as_posix() for parent, _, names in walk for name in names)


def file_id(folder: Path, name: str) -> FileId:
    try:
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            return FileId(name, digest, file.tell())
    except OSError as error:
        raise RepairData(f"{name} cannot be read: {error.strerror}", command=FETCH) from error


def verify(folder: Path, expected: DatasetId, repair: str = FETCH) -> None:
    """Check that a folder holds exactly the expected files. `repair` is what the user is told to type.

    Raises:
        RepairData: names the first file that is missing, unexpected, of another size, or altered.
    """
    compare(identify(folder, expected.name), expected, repair)


def compare(found: DatasetId, expected: DatasetId, repair: str = FETCH) -> None:
    """`verify` for a folder that was identified already. An expected size below 0 is unknown."""
    have, want = ({file.path: file for file in each.files} for each in (found, expected))
    for path in sorted(have.keys() | want.keys()):
        if path not in have:
            raise RepairData(f"{path} is missing", command=repair)
        if path not in want:
            raise RepairData(f"{path} is not part of {expected.name}", command=repair)
        one, other = have[path], want[path]
        if other.size >= 0 and one.size != other.size:
            raise RepairData(f"{path} has {one.size} bytes instead of {other.size}", command=repair)
        if one.md5 != other.md5:
            raise RepairData(f"{path} is altered: md5 {one.md5} instead of {other.md5}", command=repair)


def load(
    folder: Path, num_data_batches: int, validation_images: int, seed: int, expected: DatasetId | None = None
) -> Dataset:
    """The first `num_data_batches` training batches, split by the seed alone, and the test batch.

    Each file is read once: what was hashed is what is unpickled. All files of `expected` are hashed, used or not.

    Raises:
        RepairData: a file is not the expected one, or not what a CIFAR-10 file holds; names it.
        ChangeSetting: the split leaves no image to train on.
    """
    used = (*TRAIN[:num_data_batches], TEST, META)
    if expected is not None:
        present = _names(folder)
        unread = tuple(file_id(folder, name) for name in present if name not in used)
        promised = tuple(file for file in expected.files if file.path in used and file.path in present)
        compare(replace(expected, files=(*unread, *promised)), expected)
    classes = cifar10.class_names(_content(folder, META, expected), META)
    batches = [cifar10.batch(_content(folder, path, expected), path, len(classes)) for path in used[:-1]]
    test_pixels, test_labels = batches.pop()
    total = sum(len(labels) for _, labels in batches)
    if validation_images >= total:
        raise ChangeSetting(
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
        images = cifar10.nhwc(batches.pop(0)[0])  # a batch is let go as soon as it is copied
        for start in range(0, len(images), 1000):  # in pieces, for their copies cost memory
            piece, mask = images[start : start + 1000], held[seen : seen + 1000][: len(images) - start]
            count = len(piece) - int(mask.sum())
            train[kept : kept + count] = piece[~mask]
            validation[seen - kept : seen - kept + len(piece) - count] = piece[mask]
            seen, kept = seen + len(piece), kept + count
    test_images = np.ascontiguousarray(cifar10.nhwc(test_pixels))
    return Dataset(train, labels[~held], validation, labels[held], test_images, test_labels, classes)


def load_test(folder: Path, expected: DatasetId | None = None) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Test images and labels as in Dataset; only the test batch and the class names are read.

    Raises:
        RepairData: as `load`.
    """
    classes = cifar10.class_names(_content(folder, META, expected), META)
    pixels, labels = cifar10.batch(_content(folder, TEST, expected), TEST, len(classes))
    return np.ascontiguousarray(cifar10.nhwc(pixels)), labels


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
        raise RepairData(f"{path} is missing", command=FETCH) from error
    except OSError as error:
        raise RepairData(f"{path} cannot be read: {error.strerror}", command=FETCH) from error
    if expected is not None:
        found = FileId(path, hashlib.md5(content, usedforsecurity=False).hexdigest(), size)
        want = tuple(file for file in expected.files if file.path == path)
        compare(replace(expected, files=(found,)), replace(expected, files=want))
    return content


def check(folder: Path, num_data_batches: int, validation_images: int, batch_size: int) -> None:
    """Read everything that a training would, so that bad data and sizes that do not go together are known before it.

    Raises:
        RepairData: a file is not what a CIFAR-10 file holds; names it.
        ChangeSetting: the split leaves no image to train on, or less than a batch.
    """
    images = len(load(folder, num_data_batches, validation_images, seed=0).train_labels)
    if batch_size > images:
        raise ChangeSetting(
            f"batch_size={batch_size} is more than the {images} training images that "
            f"num_data_batches={num_data_batches} and validation_images={validation_images} leave",
            legal=f"1 to {images}",
            command=f"python src/train.py batch_size={min(images, 32)}",
        )
