"""Packed images: uncompressed tar shards and one index, read at random. Standard library only.

The index is one line of JSON and then a row of 44 bytes for each record. It names each record's sha256, so what a
training reads is checked record by record as it is read, whichever part of the shards that is.
"""

import hashlib
import json
import os
import struct
import tarfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from harness.contract import legal, serial
from harness.contract.errors import DataError
from harness.contract.identity import FETCH, compare, file_id
from harness.contract.plan import DatasetId, FileId
from harness.contract.rules import in_range, one_of

INDEX, SHARD = "index.bin", "shard-{:05d}.tar"
FORMAT = "packed images 1"
# the key's sha256 (its first 8 bytes, little-endian), that of the content (its first 16), offset, size, shard, label
ROW = struct.Struct("<Q16sQIII")
PARTS = ("train", "validation", "test")
LARGEST_HEADER = 2**24  # bytes
LARGEST_RECORD = 2**28
MOST_SHARDS, MOST_RECORDS = 2**16, 2**31
REPACK = "python src/pack.py FOLDER OUT"
MOST_OPEN = 500  # shards that are kept open; more of them are opened for each read
SPAN = 2**64


@dataclass(frozen=True)
class Header:
    """The first line of an index.

    `classes` are the names by label, `sizes` the bytes of each shard, `test` and `validation` the shares of the keys,
    `rows` the sha256 of all rows.
    """

    format: Annotated[str, one_of(FORMAT)]
    classes: Annotated[tuple[Annotated[str, legal.TEXT], ...], legal.between(1, 100_000)]
    records: Annotated[int, in_range(1, MOST_RECORDS)]
    sizes: Annotated[tuple[Annotated[int, legal.COUNT], ...], legal.between(1, MOST_SHARDS)]
    test: Annotated[float, in_range(0, 1)]
    validation: Annotated[float, in_range(0, 1)]
    rows: Annotated[str, legal.SHA256]


@dataclass(frozen=True)
class Row:
    """Where one record lies, and what it is."""

    key: int
    digest: bytes
    offset: int
    size: int
    shard: int
    label: int


def key_hash(key: str) -> bytes:
    """What decides where a record goes: its shard, and its part of the data."""
    return hashlib.sha256(key.encode()).digest()


def digest(content: bytes) -> bytes:
    """What the index says of a record's content."""
    return hashlib.sha256(content).digest()[:16]


class Packed:
    """The records of a packed folder, a sequence: `len(packed)`, `packed[i]` -> (content, label), safe in threads.

    With `expected` the index is the one that the plan names, and every record is one that the index names: nothing else
    is ever returned. `records` and `bytes` count what was read and checked.

    Raises:
        DataError: a file is missing, of another size or altered, or the index claims what cannot be.
    """

    def __init__(self, folder: Path, expected: DatasetId | None = None) -> None:
        self.folder, self.records, self.bytes = folder, 0, 0
        self._lock, self._open = threading.Lock(), dict[int, int]()
        content = self._index(expected)
        end = content.find(b"\n")
        self.header, self.rows = _header(content[:end]), memoryview(content)[end + 1 :]
        self.classes = self.header.classes
        self._check_files(expected)
        self._check_rows()

    def __len__(self) -> int:
        return self.header.records

    def __getitem__(self, number: int) -> tuple[bytes, int]:
        """Content and label of a record.

        Raises:
            DataError: its bytes are not those that the index names.
        """
        row = self.row(number)
        content = self._read(row)
        if len(content) != row.size or digest(content) != row.digest:
            raise DataError(f"{self.name(number)} is altered: its sha256 is not the index's", command=FETCH)
        with self._lock:
            self.records, self.bytes = self.records + 1, self.bytes + len(content)
        return content, row.label

    def row(self, number: int) -> Row:
        """What the index says of a record."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        return Row(*ROW.unpack_from(self.rows, number * ROW.size))

    def name(self, number: int) -> str:
        """How a record is called in messages: by its shard, and its name in there."""
        row = self.row(number)
        name = SHARD.format(row.shard)
        try:
            with tarfile.open(self.folder / name, "r:") as tar:
                found = next((member.name for member in tar if member.offset_data == row.offset), None)
        except (tarfile.TarError, OSError, ValueError):
            found = None
        return f"{name}: {legal.spelled(found)[:200]}" if found else f"{name}: the record at byte {row.offset}"

    def _read(self, row: Row) -> bytes:
        descriptor = self._open.get(row.shard)
        if descriptor is not None:
            return os.pread(descriptor, row.size, row.offset)
        name = SHARD.format(row.shard)
        try:
            descriptor = os.open(self.folder / name, os.O_RDONLY)
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror}", command=FETCH) from error
        with self._lock:
            kept = len(self._open) < MOST_OPEN and self._open.setdefault(row.shard, descriptor) == descriptor
        try:
            return os.pread(descriptor, row.size, row.offset)
        finally:
            if not kept:
                os.close(descriptor)

    def _index(self, expected: DatasetId | None) -> bytes:
        path = self.folder / INDEX
        if expected is not None:
            want = tuple(file for file in expected.files if file.path == INDEX)
            found = (file_id(self.folder, INDEX),) if path.exists() else ()
            compare(replace(expected, files=found), replace(expected, files=want))
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise DataError(f"{self.folder} holds no packed images: {INDEX} is missing", command=REPACK) from error
        except OSError as error:
            raise DataError(f"{INDEX} cannot be read: {error.strerror}", command=FETCH) from error

    def _check_files(self, expected: DatasetId | None) -> None:
        """Look whether each shard is there and as long as it should be; its content is looked at when it is read."""
        planned = {file.path: file for file in expected.files} if expected else {}
        for number, size in enumerate(self.header.sizes):
            name = SHARD.format(number)
            if expected is not None and name not in planned:
                raise DataError(f"{name} is in {INDEX}, but no part of {expected.name}", command=FETCH)
            try:
                found = FileId(name, "", (self.folder / name).stat().st_size)
            except OSError as error:
                raise DataError(f"{name} is missing", command=FETCH) from error
            if found.size != size:
                raise DataError(f"{name} has {found.size} bytes instead of {size}", command=FETCH)

    def _check_rows(self) -> None:
        header, rows = self.header, self.rows
        if len(rows) != header.records * ROW.size or hashlib.sha256(rows).hexdigest() != header.rows:
            raise DataError(f"{INDEX} is damaged: its rows are not those that its first line names", command=FETCH)
        before = (0, 0)
        for number, (_, _, offset, size, shard, label) in enumerate(ROW.iter_unpack(rows)):
            if shard >= len(header.sizes) or label >= len(header.classes):
                wrong = f"of class {label} in shard {shard}; there are {len(header.classes)} and {len(header.sizes)}"
            elif not 0 < size <= LARGEST_RECORD or offset + size > header.sizes[shard]:
                wrong = f"{size} bytes from byte {offset} on in a shard of {header.sizes[shard]} bytes"
            elif (shard, offset) < before:
                wrong = "within the one before it"
            else:
                before = (shard, offset + size)
                continue
            raise DataError(f"{INDEX} lies: record {number} would be {wrong}", command=REPACK)


def part(key: int, header: Header) -> str:
    """The part of the data that a key belongs to, by its hash alone: other records move none."""
    share = key / SPAN
    return "test" if share < header.test else "validation" if share < header.test + header.validation else "train"


def header(folder: Path) -> Header:
    """The first line of a folder's index.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with (folder / INDEX).open("rb") as file:
            return _header(file.readline(LARGEST_HEADER + 1).rstrip(b"\n"))
    except OSError as error:
        raise DataError(f"{folder / INDEX} cannot be read: {error.strerror}", command=FETCH) from error


def _header(line: bytes) -> Header:
    try:
        return serial.from_json(Header, serial.parse(line, LARGEST_HEADER))
    except ValueError as error:
        raise DataError(f"{INDEX} cannot be read: {' '.join(str(error).split())[:300]}", command=REPACK) from error


def dumps(header: Header) -> bytes:
    """The first line of an index."""
    return json.dumps(serial.to_json(header), sort_keys=True).encode() + b"\n"
