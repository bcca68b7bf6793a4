"""The bundled sample: scikit-learn's handwritten digits, drawn into CIFAR-10's own file format.

It stands in where CIFAR-10 cannot be had, so that the whole way can be walked. Drawn by integer arithmetic from the
digits and the position alone: the bytes are the same on every machine.
"""

import gzip
import importlib.util
import pickle
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.contract import atomic
from harness.contract.errors import NotReady
from programs.cifar10 import files

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAIN_DIGITS, DRAWINGS = 1500, 6  # the other 297 digits are for testing; each digit is drawn 6 times
PER_BATCH = TRAIN_DIGITS * DRAWINGS // 5
Integers = npt.NDArray[np.int64]


def write(folder: Path) -> None:
    """Write the sample so that `folder` is what data/ is; an older one is replaced.

    Raises:
        NotReady: scikit-learn, which carries the digits, is not installed.
        OSError: the folder cannot be written.
    """
    digits, labels = _digits()
    with atomic.folder(folder) as temporary:
        (temporary / files.BATCHES).mkdir()
        for number, path in enumerate(files.TRAIN):
            drawing = np.arange(PER_BATCH) + number * PER_BATCH  # a batch holds nearly every digit once
            batch = _batch(digits, labels, drawing % TRAIN_DIGITS, drawing // TRAIN_DIGITS)
            (temporary / path).write_bytes(batch_file(f"training batch {number + 1} of 5", *batch))
        held = len(digits) - TRAIN_DIGITS
        drawing = np.arange(held * DRAWINGS)
        batch = _batch(digits, labels, TRAIN_DIGITS + drawing % held, drawing // held)
        (temporary / files.TEST).write_bytes(batch_file("testing batch 1 of 1", *batch))
        (temporary / files.META).write_bytes(meta_file(PER_BATCH, CLASSES))
        shutil.rmtree(folder, ignore_errors=True)


def _digits() -> tuple[Integers, Integers]:
    """Grey values 0 to 16, [1797, 8, 8], and labels [1797], from the package's file: importing it takes seconds."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise NotReady("the sample needs scikit-learn, which is not installed", command="make venv")
    table = gzip.decompress((Path(package.origin).parent / "datasets/data/digits.csv.gz").read_bytes()).decode()
    rows = np.array([line.split(",") for line in table.split()], np.int64)
    return rows[:, :64].reshape(-1, 8, 8), rows[:, 64]


def _batch(
    digits: Integers, labels: Integers, which: Integers, drawing: Integers
) -> tuple[list[int], npt.NDArray[np.uint8], list[str]]:
    names = [f"{CLASSES[labels[digit]]}_{digit:04d}_{number}.png" for digit, number in zip(which, drawing, strict=True)]
    return labels[which].tolist(), _draw(digits[which], which * DRAWINGS + drawing), names


def _draw(digits: Integers, seeds: Integers) -> npt.NDArray[np.uint8]:
    """Images uint8 [n, 3072], all red first: each digit [8, 8] enlarged, placed and coloured as its seed says."""
    size = 20 + _number(seeds, 0, 9)  # pixels
    rows = _enlarge(size, _number(seeds, 1, 33 - size))
    columns = _enlarge(size, _number(seeds, 2, 33 - size))
    ink = rows @ digits @ columns.transpose(0, 2, 1) * 255 >> 20  # 16 grey values, twice weights of 256: 0 to 255
    colours = [_number(seeds, 3 + channel, 96) for channel in range(6)]
    paper, pen = np.stack(colours[:3], 1), 160 + np.stack(colours[3:], 1)
    mixed = paper[:, :, None, None] * (255 - ink[:, None]) + pen[:, :, None, None] * ink[:, None]
    image: npt.NDArray[np.uint8] = (mixed // 255).astype(np.uint8).reshape(len(digits), 3072)
    return image


def _number(seeds: Integers, purpose: int, below: int | Integers) -> Integers:
    """Numbers from 0 to below - 1, one for each seed: splitmix64's mixing of (seed, purpose), modulo 2**64."""
    bits = seeds.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(purpose * 0x632BE59BD9B4E019 % 2**64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    number: Integers = ((bits ^ (bits >> np.uint64(31))) >> np.uint64(33)).astype(np.int64) % below
    return number


def _enlarge(size: Integers, start: Integers) -> Integers:
    """Weights [n, 32, 8], in 1/256, that stretch 8 pixels linearly over `size` of 32, from `start` on; 0 outside."""
    place = np.arange(32) - start[:, None]
    source = np.clip((2 * place + 1) * 1024 // size[:, None] - 128, 0, 7 * 256)  # of 8 pixels, in 1/256
    weights: Integers = np.maximum(0, 256 - np.abs(source[:, :, None] - 256 * np.arange(8)))
    weights[(place < 0) | (place >= size[:, None])] = 0
    return weights


class _Pickle2:
    """The opcodes of the official files, Python 2 pickles of protocol 2; memo numbers count up as Python 2's do."""

    def __init__(self) -> None:
        self.parts, self.memo = [pickle.PROTO + b"\x02" + pickle.EMPTY_DICT], 0
        self.put(pickle.MARK)

    def put(self, *after: bytes) -> None:
        self.memo += 1
        short = self.memo < 256
        self.parts += [
            pickle.BINPUT + bytes([self.memo]) if short else pickle.LONG_BINPUT + struct.pack("<I", self.memo)
        ]
        self.parts += after

    def text(self, text: str) -> None:
        self.parts.append(pickle.SHORT_BINSTRING + bytes([len(text)]) + text.encode("ascii"))
        self.put()

    def integer(self, value: int) -> None:
        self.parts.append(pickle.BININT1 + bytes([value]) if value < 256 else pickle.BININT2 + struct.pack("<H", value))

    def items(self, values: Sequence[Any], write: Callable[[Any], None]) -> None:
        self.parts.append(pickle.EMPTY_LIST)
        self.put()
        for start in range(0, len(values), 1000):
            self.parts.append(pickle.MARK)
            for value in values[start : start + 1000]:
                write(value)
            self.parts.append(pickle.APPENDS)

    def array(self, array: npt.NDArray[np.uint8]) -> None:
        content = array.tobytes()
        self.parts.append(b"cnumpy.core.multiarray\n_reconstruct\n")
        self.put(b"cnumpy\nndarray\n")
        self.put(b"K\x00\x85U\x01b\x87R")
        self.put(b"(K\x01M" + struct.pack("<H", array.shape[0]) + b"M" + struct.pack("<H", array.shape[1]) + b"\x86")
        self.parts.append(b"cnumpy\ndtype\n")
        self.put(b"U\x02u1K\x00K\x01\x87R")
        self.put(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
        self.parts += [pickle.BINSTRING + struct.pack("<I", len(content)), content, b"tb"]

    def done(self) -> bytes:
        return b"".join([*self.parts, pickle.SETITEMS, pickle.STOP])


def batch_file(title: str, labels: Sequence[int], pixels: npt.NDArray[np.uint8], names: Sequence[str]) -> bytes:
    """A batch in the official structure: labels below 256, pixels [n, 3072] with n below 65536, a name per image."""
    file = _Pickle2()
    file.text("batch_label")
    file.text(title)
    file.text("labels")
    file.items(labels, file.integer)
    file.text("data")
    file.array(pixels)
    file.text("filenames")
    file.items(names, file.text)
    return file.done()


def meta_file(images: int, classes: Sequence[str]) -> bytes:
    """batches.meta in the official structure: images per batch, below 65536, and the classes' names."""
    file = _Pickle2()
    file.text("num_cases_per_batch")
    file.integer(images)
    file.text("label_names")
    file.items(classes, file.text)
    file.text("num_vis")
    file.integer(3072)
    return file.done()
