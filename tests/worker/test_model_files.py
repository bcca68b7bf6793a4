"""What tells two model files apart: their weights, whenever and by whatever name they were written."""

import itertools
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.contract.errors import RunFailed
from harness.worker import model_files

EARLY, LATE = (1980, 1, 1, 0, 0, 0), (2026, 11, 27, 12, 30, 2)


def zipped(path: Path, members: dict[str, bytes], time: tuple[int, int, int, int, int, int] = EARLY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, time), content)
    return path


def safetensors(path: Path, arrays: dict[str, np.ndarray], about: str = "") -> Path:
    """A file of that format, written by its description."""
    header: dict[str, object] = {"__metadata__": {"about": about}} if about else {}
    data = b""
    for name, array in arrays.items():
        start = len(data)
        data += array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize(
    ("name", "members", "beside"),
    [
        ("model.npz", {"w.npy": b"1"}, {}),
        ("model.pt", {"model/data/0": b"1"}, {"model/.data/serialization_id": b"%d"}),
        ("model.pth", {"model/data/0": b"1"}, {"model/.data/serialization_id": b"%d"}),
        ("model.keras", {"model.weights.h5": b"1"}, {"metadata.json": b"at %d", "config.json": b"object %d"}),
    ],
)
def test_the_time_of_writing_does_not_tell_two_files_apart(
    tmp_path: Path, name: str, members: dict[str, bytes], beside: dict[str, bytes]
) -> None:
    one, other, third = (
        zipped(
            tmp_path / str(number) / name, {**content, **{key: value % number for key, value in beside.items()}}, time
        )
        for number, (content, time) in enumerate(
            [(members, EARLY), (members, LATE), ({next(iter(members)): b"2"}, LATE)]
        )
    )
    assert one.read_bytes() != other.read_bytes()
    assert model_files.digests(one) == model_files.digests(other)
    before, after = model_files.digests(one), model_files.digests(third)
    assert before[0] != after[0] and [key for key, _ in before[1]] == [next(iter(members)).removesuffix(".npy")]
    assert before[1] != after[1]


def test_tensors_of_safetensors_are_told_apart_by_name_shape_and_numbers(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(4)}
    one = model_files.digests(safetensors(tmp_path / "model.safetensors", arrays))
    assert [name for name, _ in one[1]] == ["a", "b"]
    assert model_files.digests(safetensors(tmp_path / "said.safetensors", arrays, "on a Friday")) == one
    assert model_files.digests(safetensors(tmp_path / "turned.safetensors", dict(reversed(arrays.items())))) == one
    other = model_files.digests(safetensors(tmp_path / "other.safetensors", {**arrays, "b": np.zeros(4)}))
    assert [name for (name, was), (_, now) in zip(one[1], other[1], strict=True) if was != now] == ["b"]
    reshaped = model_files.digests(safetensors(tmp_path / "flat.safetensors", {**arrays, "a": np.arange(6.0)}))
    assert reshaped[0] != one[0]


def test_npz_as_numpy_writes_it_names_its_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", coef=np.ones(3), bias=np.zeros(1))
    assert [name for name, _ in model_files.digests(tmp_path / "model.npz")[1]] == ["bias", "coef"]


def test_of_any_other_file_all_bytes_count(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"written at noon")
    total, tensors = model_files.digests(tmp_path / "model.h5")
    (tmp_path / "model.h5").write_bytes(b"written at five")
    assert [name for name, _ in tensors] == ["model.h5"] and model_files.digests(tmp_path / "model.h5")[0] != total


@pytest.mark.parametrize(
    "content", [b"", struct.pack("<Q", 2**40), struct.pack("<Q", 3) + b"[1]", b"\x08" + bytes(7) + b"{"]
)
def test_a_file_that_is_not_what_its_name_says_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(RunFailed, match=r"the model model\.safetensors cannot be read"):
        model_files.digests(tmp_path / "model.safetensors")


def test_a_safetensors_file_that_is_cut_off_is_one_line(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "model.safetensors", {"a": np.ones(8)})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(RunFailed, match="a is cut off"):
        model_files.digests(path)


def test_a_name_alone_makes_other_weights(tmp_path: Path) -> None:
    arrays = {"a": np.arange(4.0), "b": np.ones(4)}
    one = model_files.digests(safetensors(tmp_path / "one.safetensors", arrays))
    for number, names in enumerate((("a", "c"), ("b", "a"))):
        renamed = dict(zip(names, arrays.values(), strict=True))
        assert model_files.digests(safetensors(tmp_path / f"{number}.safetensors", renamed))[0] != one[0]


@pytest.mark.parametrize("cut", [False, True])
def test_a_damaged_file_has_digests_or_one_error(tmp_path: Path, cut: bool) -> None:
    for path in (
        safetensors(tmp_path / "model.safetensors", {"a": np.ones(2), "b": np.ones(3)}),
        zipped(tmp_path / "model.pt", {"x": bytes(50), "y": b"2"}),
    ):
        whole = path.read_bytes()
        for place, byte in itertools.product(range(0, len(whole), 9 if cut else 1), (0,) if cut else (1, 12)):
            path.write_bytes(whole[:place] + (b"" if cut else bytes([byte]) + whole[place + 1 :]))
            try:
                model_files.digests(path)
            except RunFailed as error:
                assert "\n" not in str(error) and path.name in str(error)
