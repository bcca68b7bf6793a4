"""One file of CIFAR-10, read as data: nothing that a file names is called.

The official files are Python 2 pickles (protocol 2) of a dict with text, lists of numbers, and one numpy array.
numpy's three names lead to inert records here; every other name is refused, and so is every opcode that such files
do not need.
"""

import mmap
import pickle
import struct
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from harness.contract.errors import DataError
from harness.contract.identity import FETCH

UINT8 = ((b"u1", b"|u1"), (3, b"|", None, None, None, -1, -1, 0))  # numpy's dtype arguments and state, version 3
TUPLES = 64  # a batch has 5; a hash of tuples nested a million deep would overflow the stack
OPCODES = (  # each is read by the function of its name in the standard library's own unpickler
    pickle.PROTO + pickle.STOP + pickle.MARK + pickle.GLOBAL + pickle.REDUCE + pickle.BUILD
    + pickle.EMPTY_DICT + pickle.SETITEM + pickle.SETITEMS + pickle.EMPTY_LIST + pickle.APPEND + pickle.APPENDS
    + pickle.EMPTY_TUPLE + pickle.TUPLE + pickle.TUPLE1 + pickle.TUPLE2 + pickle.TUPLE3
    + pickle.BINPUT + pickle.LONG_BINPUT + pickle.BINGET + pickle.LONG_BINGET
    + pickle.SHORT_BINSTRING + pickle.BINSTRING + pickle.BININT + pickle.BININT1 + pickle.BININT2
    + pickle.NONE + pickle.NEWTRUE + pickle.NEWFALSE
)  # fmt: skip


class _Dtype:
    """What a pickle says about a numpy dtype."""

    def __init__(self, code: object, align: object = False, copy: object = True) -> None:
        self.code = code
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Array:
    """What a pickle says about a numpy array."""

    def __init__(self, *shape: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def uint8(self) -> npt.NDArray[np.uint8]:
        """The array, over the file's own memory.

        Raises:
            ValueError: it is not a C-contiguous array of uint8, or its shape and its bytes do not agree.
        """
        _, shape, dtype, fortran, content = self.state
        codes, state = UINT8
        if not isinstance(dtype, _Dtype) or dtype.code not in codes or dtype.state != state:
            raise ValueError("its array is not uint8")
        plain = isinstance(content, bytes | memoryview) and all(type(n) is int and n > 0 for n in shape)
        if fortran or not plain:
            raise ValueError("its array is not a plain C-contiguous one")
        return np.frombuffer(content, np.uint8).reshape(shape)


def _reconstruct(*arguments: object) -> _Array:
    return _Array()


NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
}


class _Refused(Exception):
    """A pickle that names something else than data."""


class _Reader(pickle._Unpickler):
    """The standard library's unpickler in Python, whose opcodes can be chosen and whose memo is a dict: no file can
    make it allocate more than a few times its own length."""

    dispatch: ClassVar = {opcode: pickle._Unpickler.dispatch[opcode] for opcode in OPCODES}

    def __init__(self, content: mmap.mmap) -> None:
        super().__init__(content, encoding="bytes")
        self.content, self.tuples, self.stack = content, 0, list[Any]()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NAMES:
            raise _Refused(f"it names {module:.40}.{name:.40}, which is not data, and was not run")
        return NAMES[module, name]


def _counted(load: Callable[..., None]) -> Callable[..., None]:
    def load_tuple(reader: Any) -> None:
        reader.tuples += 1
        if reader.tuples > TUPLES:
            raise _Refused("it nests deeper than a batch does")
        load(reader)

    return load_tuple


def _long_string(reader: Any) -> None:
    """The string of an array, up to 2 GiB long: where it lies in the file's memory, not a copy."""
    (length,) = struct.unpack("<I", reader.content.read(4))
    start = reader.content.tell()
    if start + length > len(reader.content):
        raise EOFError
    reader.content.seek(length, 1)
    reader.stack.append(memoryview(reader.content)[start : start + length])


_Reader.dispatch[pickle.BINSTRING[0]] = _long_string
for _opcode in pickle.EMPTY_TUPLE + pickle.TUPLE + pickle.TUPLE1 + pickle.TUPLE2 + pickle.TUPLE3:
    _Reader.dispatch[_opcode] = _counted(_Reader.dispatch[_opcode])


def _read(content: mmap.mmap, name: str) -> dict[str, Any]:
    """The dict that a file of the data set holds: short text as bytes, numbers as int, arrays as `_Array`.

    Raises:
        DataError: `name` is truncated, is no such pickle, or names anything that is not data.
    """
    try:
        value = _Reader(content).load()
        if content.tell() != len(content) or type(value) is not dict:
            raise ValueError("it is not one dict")
        return {key.decode("ascii"): item for key, item in value.items()}
    except _Refused as error:
        raise DataError(f"{name} is refused: {error}", command=FETCH) from error
    except Exception as error:  # whatever bytes that are no pickle make of the unpickler; all of it means the same
        raise DataError(f"{name} is truncated, or no CIFAR-10 file at all", command=FETCH) from error


def class_names(content: mmap.mmap, name: str) -> tuple[str, ...]:
    """The names in batches.meta, in the order of the labels.

    Raises:
        DataError: there are none, or two are the same.
    """
    names = _read(content, name).get("label_names")
    if not isinstance(names, list):
        names = []
    texts = [text.decode("ascii", "replace") for text in names if type(text) is bytes and text]
    if not names or len(set(texts)) != len(names):
        raise DataError(f"{name}: label_names is not a list of different names", command=FETCH)
    return tuple(texts)


def batch(content: mmap.mmap, name: str, classes: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """A batch's pixels, uint8 [n, 3072] over the file's memory, and labels, int32 [n] below `classes`; n is at least 1.

    Raises:
        DataError: shapes, types, lengths or labels are not those of a batch.
    """
    values = _read(content, name)
    data, labels = values.get("data"), values.get("labels")
    try:
        if not isinstance(data, _Array) or not isinstance(labels, list):
            raise ValueError("data or labels are missing")
        pixels = data.uint8()
        if pixels.ndim != 2 or pixels.shape[1] != 3072:
            raise ValueError(f"data has the shape {pixels.shape} instead of (images, 3072)")
        if len(labels) != len(pixels):
            raise ValueError(f"{len(labels)} labels for {len(pixels)} images")
        wrong = next((label for label in labels if type(label) is not int or not 0 <= label < classes), None)
        if wrong is not None:
            raise ValueError(f"the label {wrong!r:.20} is not one of 0 to {classes - 1}")
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{name} is no CIFAR-10 batch: {error}", command=FETCH) from error
    return pixels, np.array(labels, np.int32)


def nhwc(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """[n, 3072], all red first, as a view [n, 32, 32, 3]."""
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
