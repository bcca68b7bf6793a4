"""The weights of a model file whose framework is not known: tensors and digests. Standard library only.

Files that carry time stamps differ without their weights differing, so what is hashed is the content: the arrays of
.npz and .safetensors, the members of other zip files but for those that say when and as what they were written.
"""

import hashlib
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from harness.contract.errors import RunFailed

SHORT = 16  # hexadecimal characters that tell two tensors apart
PIECE = 2**20  # bytes read at a time
# Members that hold no weights: a digest of all others in .pt files; in archives that keep the weights apart, the time
# of writing and the numbers of objects.
DIGEST = "serialization_id"
APART, ABOUT = "model.weights.h5", ("metadata.json", "config.json")
HEADER = 2**26  # bytes of a safetensors header at most
# What a damaged file makes its readers raise; RuntimeError: encrypted, or packed in an unknown way.
DAMAGED = (
    *(OSError, ValueError, LookupError, TypeError, OverflowError, EOFError, RuntimeError),
    *(struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


def digests(path: Path) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The digest of all weights in a file, and (name, first 16 characters of its digest) of each tensor, in order.

    Raises:
        RunFailed: the file cannot be read as what its name says.
    """
    try:
        if path.suffix == ".safetensors":
            tensors = list(_safetensors(path))
        elif zipfile.is_zipfile(path):
            tensors = list(_zip(path))
        else:
            tensors = [(path.name, _digest(path))]
    except DAMAGED as error:
        raise RunFailed(f"the model {path.name} cannot be read: {error}") from error
    total = hashlib.sha256()
    for name, digest in sorted(tensors):
        total.update(f"{name} {digest}\n".encode())
    return total.hexdigest(), tuple((name, digest[:SHORT]) for name, digest in tensors)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _zip(path: Path) -> Iterator[tuple[str, str]]:
    """The members of a zip file: an .npz holds an array in each, a .pt whatever its framework puts there."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        beside = (DIGEST, *(ABOUT if APART in names else ()))
        for name in names:
            if name.rpartition("/")[2] in beside:
                continue
            content = hashlib.sha256()
            with archive.open(name) as member:
                while piece := member.read(PIECE):
                    content.update(piece)
            yield name.removesuffix(".npy"), content.hexdigest()


def _safetensors(path: Path) -> Iterator[tuple[str, str]]:
    """The tensors of a safetensors file: 8 bytes of header length, JSON, then the data that its offsets point into.

    https://huggingface.co/docs/safetensors/index#format
    """
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > HEADER:
            raise ValueError("its header is too long")
        header = json.loads(file.read(length))
        for name in sorted(name for name in header if name != "__metadata__"):
            entry = header[name]
            start, end = entry["data_offsets"]
            content = hashlib.sha256(f"{entry['dtype']} {entry['shape']}\n".encode())
            file.seek(8 + length + start)
            left = end - start
            while left > 0:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise ValueError(f"{name} is cut off")
                content.update(piece)
                left -= len(piece)
            yield name, content.hexdigest()
