"""A packed folder returns the bytes that its index names, and the index is the one that the plan names, or nothing."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.contract import identity, packed
from harness.contract.errors import DataError
from harness.contract.packed import INDEX, ROW, Packed
from harness.contract.plan import DatasetId
from tests.support.images import write_folder, write_packed

COUNT = 60


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photos", COUNT)


@pytest.fixture
def made(tmp_path: Path, source: Path) -> tuple[Path, DatasetId]:
    return tmp_path / "mine", write_packed(tmp_path / "mine", source)


def forge(folder: Path, change: Callable[[list[list[object]]], None]) -> None:
    """An index whose rows were changed, and whose first line fits them."""
    line, _, content = (folder / INDEX).read_bytes().partition(b"\n")
    rows = [list(row) for row in ROW.iter_unpack(content)]
    change(rows)
    content = b"".join(ROW.pack(*row) for row in rows)
    header = {**json.loads(line), "rows": hashlib.sha256(content).hexdigest(), "records": len(rows)}
    (folder / INDEX).write_bytes(json.dumps(header, sort_keys=True).encode() + b"\n" + content)


def test_every_image_is_there_once_with_its_class(made: tuple[Path, DatasetId], source: Path) -> None:
    records = Packed(*made)
    found = {content: records.classes[label] for content, label in (records[at] for at in range(len(records)))}
    assert found == {path.read_bytes(): path.parent.name for path in source.rglob("*.jpg")}
    assert (records.records, records.bytes) == (COUNT, sum(map(len, found)))


def test_parts_follow_from_the_key_alone(made: tuple[Path, DatasetId]) -> None:
    records = Packed(*made)
    keys = [records.row(at).key for at in range(COUNT)]
    parts = [packed.part(key, records.header) for key in keys]
    assert {*parts} == {*packed.PARTS}
    assert parts == ["test" if key < 0.2 * 2**64 else "validation" if key < 0.4 * 2**64 else "train" for key in keys]


def test_a_flipped_byte_names_the_record_and_no_other_record_is_touched(made: tuple[Path, DatasetId]) -> None:
    folder, dataset = made
    row = Packed(folder).row(20)
    path = folder / packed.SHARD.format(row.shard)
    content = bytearray(path.read_bytes())
    content[row.offset + 3] ^= 1
    path.write_bytes(content)
    records = Packed(folder, dataset)
    with pytest.raises(DataError, match=r"shard-\d+.tar: \w+/\d+.jpg is altered"):
        records[20]
    assert len([records[at] for at in range(COUNT) if at != 20]) == COUNT - 1


def test_a_shard_that_is_cut_or_gone_is_named_before_anything_is_read(made: tuple[Path, DatasetId]) -> None:
    folder, dataset = made
    path = folder / "shard-00002.tar"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(DataError, match=f"shard-00002.tar has {size - 600} bytes instead of {size}"):
        Packed(folder, dataset)
    path.unlink()
    with pytest.raises(DataError, match=r"shard-00002\.tar is missing"):
        Packed(folder, dataset)


def test_another_index_than_the_plan_names_is_refused(made: tuple[Path, DatasetId]) -> None:
    folder, dataset = made

    def relabel(rows: list[list[object]]) -> None:
        rows[0][5] = 1 - int(rows[0][5] == 1)

    forge(folder, relabel)
    Packed(folder)  # it fits itself, so that only the plan tells
    with pytest.raises(DataError, match=r"index\.bin is altered"):
        Packed(folder, dataset)
    with pytest.raises(DataError, match=r"index\.bin is not part of"):
        Packed(folder, replace(dataset, files=()))


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        (2, 2**40, "bytes from byte 1099511627776 on in a shard of"),
        (3, 2**32 - 5, "would be 4294967291 bytes"),  # a size of -5
        (3, 0, "would be 0 bytes"),
        (4, 9, "in shard 9; there are 4 and 4"),
        (5, 7, "of class 7 in shard"),
        (2, 0, "within the one before it"),
    ],
)
def test_an_index_that_lies_is_refused(made: tuple[Path, DatasetId], column: int, value: int, why: str) -> None:
    folder, _ = made

    def lie(rows: list[list[object]]) -> None:
        rows[1][column] = value

    forge(folder, lie)
    with pytest.raises(DataError, match=f"index.bin lies: record 1 would be .*{why}|{why}"):
        Packed(folder)


def test_an_index_that_was_damaged_is_refused(made: tuple[Path, DatasetId]) -> None:
    folder, _ = made
    whole = (folder / INDEX).read_bytes()
    for content, why in (
        (whole[:-10], "rows are not those"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "rows are not those"),
        (whole.replace(b"packed images 1", b"packed images 2"), "expected packed images 1"),
        (b"no index", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
    ):
        (folder / INDEX).write_bytes(content)
        with pytest.raises(DataError, match=why):
            Packed(folder)


def test_the_identity_of_the_folder_is_dvcs(made: tuple[Path, DatasetId]) -> None:
    folder, dataset = made
    assert identity.identify(folder, "custom") == dataset
    assert {file.path for file in dataset.files} == {INDEX, *(packed.SHARD.format(number) for number in range(4))}
