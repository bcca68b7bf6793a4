"""Packed images as sequences: `len(images)`, `images[10:20]` -> pixels, read, checked and decoded when asked for.

TensorFlow must find its environment (oneDNN, threads) set before a sequence is read.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.contract import image_header
from harness.contract.errors import DataError, SettingError
from harness.contract.packed import PARTS, ROW, SPAN, Packed

Array = np.ndarray[Any, Any]
Decode = Callable[[Sequence[bytes], Sequence[tuple[int, int]]], Array]  # of files and their sizes, in pixels
ROWS = np.dtype(
    [("key", "<u8"), ("digest", "V16"), ("offset", "<u8"), ("size", "<u4"), ("shard", "<u4"), ("label", "<u4")]
)
assert ROWS.itemsize == ROW.size
CHUNK = 64  # images that a thread reads and decodes at a time


@dataclass(frozen=True, eq=False)
class Images:
    """Some images of a packed folder: `rows` are their numbers there (int64), `labels` int32, `side` pixels a side.

    The threads of `pool` read and decode them, a chunk at a time each.
    """

    packed: Packed
    rows: Array
    labels: Array
    side: int
    decode: Decode
    pool: Executor

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: Any) -> Array:
        """Pixels uint8 [n, side, side, 3] of a slice or of an array of places; safe in threads.

        Raises:
            DataError: a record is altered, or cannot be decoded; names it.
        """
        return self.read(self.rows[places])

    def read(self, rows: Array) -> Array:
        """The same, by numbers in the packed folder; no more files than a few are held at a time."""
        if len(rows) <= CHUNK:  # here: it may be one of the threads that asks
            return self._chunk(rows)
        return np.concatenate([future.result() for future in self.begin(rows)])

    def begin(self, rows: Array) -> "list[Future[Array]]":
        """Have the pool read and decode images, by numbers in the packed folder: the pixels of each chunk."""
        return [self.pool.submit(self._chunk, rows[at : at + CHUNK]) for at in range(0, len(rows), CHUNK)]

    def _chunk(self, rows: Array) -> Array:
        contents = [self.packed[int(row)][0] for row in rows]
        sizes = [self._size(int(row), content) for row, content in zip(rows, contents, strict=True)]
        try:
            return self.decode(contents, sizes)
        except Exception as error:  # TensorFlow's kinds; it does not say which of them it was
            for row, content, size in zip(rows, contents, sizes, strict=True):
                try:
                    self.decode([content], [size])
                except Exception as own:
                    why = " ".join(str(own).split())[:200]
                    raise DataError(f"{self.packed.name(int(row))} cannot be decoded: {why}") from error
            raise

    def _size(self, row: int, content: bytes) -> tuple[int, int]:
        try:
            return image_header.size(content)
        except ValueError as error:
            raise DataError(f"{self.packed.name(row)} {error}") from error


@dataclass(frozen=True, eq=False)
class Dataset:
    """The three parts; `keys` are the hashes of all records' keys (uint64)."""

    train_images: Images
    validation_images: Images
    test_images: Images
    class_names: tuple[str, ...]
    keys: Array

    @property
    def train_labels(self) -> Array:
        return self.train_images.labels

    @property
    def validation_labels(self) -> Array:
        return self.validation_images.labels

    @property
    def test_labels(self) -> Array:
        return self.test_images.labels


def table(packed: Packed) -> Array:
    """The rows of the index as a NumPy array; it takes no memory of its own."""
    return np.frombuffer(packed.rows, ROWS)


def parts(packed: Packed) -> dict[str, Array]:
    """The numbers (int64) of the records of each part, in the order of the index.

    Raises:
        SettingError: a part holds no image.
    """
    share, header = table(packed)["key"] / float(SPAN), packed.header
    test = share < header.test
    validation = ~test & (share < header.test + header.validation)
    chosen = {"train": ~test & ~validation, "validation": validation, "test": test}
    found = {name: np.flatnonzero(chosen[name]) for name in PARTS}
    for name, rows in found.items():
        if not len(rows):
            raise SettingError(
                f"of {len(packed)} images none is in the part {name}: test={header.test:g} and "
                f"validation={header.validation:g} of them, by the hash of each name",
                legal="more images, or larger shares",
                command="python src/pack.py FOLDER OUT test=0.2 validation=0.2",
            )
    return found


def load(packed: Packed, side: int, decode: Decode, threads: int) -> Dataset:
    """The three parts of a packed folder, which so many threads will read; nothing is decoded yet."""
    pool = ThreadPoolExecutor(threads, "decode")
    labels = table(packed)["label"].astype(np.int32)
    train, validation, test = (
        Images(packed, rows, labels[rows], side, decode, pool) for rows in parts(packed).values()
    )
    return Dataset(train, validation, test, packed.classes, table(packed)["key"])


def check(folder: Path, batch_size: int) -> None:
    """Look whether a folder can be trained on, as far as its index and the sizes of its shards tell.

    Raises:
        DataError: it holds no packed images, or a shard is missing or of another size.
        SettingError: there is less than a batch to train on.
    """
    images = len(parts(Packed(folder))["train"])
    if batch_size > images:
        raise SettingError(
            f"batch_size={batch_size} is more than the {images} training images",
            legal=f"1 to {images}",
            command=f"python src/train.py batch_size={min(images, 32)}",
        )
