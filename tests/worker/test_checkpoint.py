"""Checkpoints come back as they were written or not at all, and digests see one bit."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.contract.errors import NotReady
from harness.worker import checkpoint

EXPERIMENT = "a" * 64


def after(step: int) -> checkpoint.Checkpoint:
    """A checkpoint with arrays of several types and shapes."""
    arrays = {
        "weights/a/kernel": np.full((3, 2), step / 3, np.float32),
        "weights/a/empty": np.zeros((0, 4), np.float64),
        "count": np.asarray(np.int64(step)),
        "flags": np.array([True, False]),
    }
    return checkpoint.Checkpoint(EXPERIMENT, step, [{"epoch": 1, "train_loss": 0.1 + 0.2, "weights": "00ff"}], arrays)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "made", after(7))
    found = checkpoint.load_latest(tmp_path / "made", EXPERIMENT, pytest.fail)
    assert found is not None
    assert dataclasses.replace(found, arrays={}) == dataclasses.replace(after(7), arrays={})
    assert list(found.arrays) == list(after(7).arrays)
    for name, array in after(7).arrays.items():
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found.arrays[name], array)


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 20, 300):
        checkpoint.write(tmp_path, after(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000020.ckpt", "step-000000300.ckpt"]


def test_a_checkpoint_that_is_being_uploaded_is_not_removed_and_marks_go_with_their_file(tmp_path: Path) -> None:
    first = checkpoint.write(tmp_path, after(1))
    begun, done = (first.with_name(f"{first.name}.sagemaker-{mark}") for mark in ("uploading", "uploaded"))
    begun.touch()
    for step in (2, 3):
        checkpoint.write(tmp_path, after(step))
    assert first.exists()
    begun.rename(done)
    checkpoint.write(tmp_path, after(4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000003.ckpt", "step-000000004.ckpt"]


def test_what_is_not_whole_yet_has_a_name_that_sagemaker_leaves_alone(tmp_path: Path, monkeypatch: Any) -> None:
    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.extend(path.name for path in tmp_path.iterdir()))
    checkpoint.write(tmp_path, after(1))
    assert len(seen) == 1 and seen[0].endswith(".sagemaker-ignore")


@pytest.mark.parametrize("damage", ["torn", "altered", "empty"])
def test_a_damaged_checkpoint_is_skipped_with_one_line_for_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoint.write(tmp_path, after(6))
    newest = checkpoint.write(tmp_path, after(12))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"torn": bytes(content[:-100]), "altered": bytes(content), "empty": b""}[damage])
    notes: list[str] = []
    found = checkpoint.load_latest(tmp_path, EXPERIMENT, notes.append)
    assert found is not None
    assert found.step == 6
    assert notes == ["step-000000012.ckpt is torn or altered: skipped"]


def test_no_byte_of_a_checkpoint_can_be_another(tmp_path: Path) -> None:
    whole = checkpoint.write(tmp_path, after(6)).read_bytes()
    for at in range(0, len(whole), 7):
        content = bytearray(whole)
        content[at] ^= 1
        (tmp_path / "step-000000006.ckpt").write_bytes(content)
        assert checkpoint.load_latest(tmp_path, EXPERIMENT, lambda note: None) is None


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoint.load_latest(tmp_path, EXPERIMENT, pytest.fail) is None
    assert checkpoint.load_latest(tmp_path / "absent", EXPERIMENT, pytest.fail) is None


def test_another_experiments_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, after(6))
    with pytest.raises(NotReady, match="belongs to experiment aaaaaaaa, not to bbbbbbbb"):
        checkpoint.load_latest(tmp_path, "b" * 64, pytest.fail)


def test_a_disk_that_takes_no_more_leaves_the_older_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (1, 2):
        checkpoint.write(tmp_path, after(step))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.write(tmp_path, after(3))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_digest_sees_one_bit_of_one_weight_and_its_path_shape_and_type() -> None:
    weights = {"b/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "a/bias": np.zeros(4, np.float32)}
    digest = checkpoint.digest(weights)
    assert digest == checkpoint.digest({"a/bias": weights["a/bias"].copy(), "b/kernel": weights["b/kernel"].copy()})
    assert digest == checkpoint.digest({**weights, "b/kernel": np.asfortranarray(weights["b/kernel"])})
    assert digest == checkpoint.digest({**weights, "b/kernel": weights["b/kernel"].astype(">f4").astype("<f4")})
    bit, kernel = np.array([0, 0, 0, 1e-45], np.float32), weights["b/kernel"]
    others: tuple[dict[str, Any], ...] = (
        {**weights, "a/bias": bit},
        {"a/other": weights["a/bias"], "b/kernel": kernel},
        {**weights, "b/kernel": kernel.reshape(3, 2)},
        {**weights, "a/bias": np.zeros(4, np.int32)},
        {"b/kernel": kernel},
    )
    assert len({digest, *map(checkpoint.digest, others)}) == 6


def test_each_tensor_has_a_digest_of_its_own_in_the_models_order() -> None:
    weights = {"b": np.zeros(2, np.float32), "a": np.ones(2, np.float32)}
    assert checkpoint.tensor_digests(weights) == tuple(
        (name, checkpoint.digest({name: array})[:16]) for name, array in weights.items()
    )
    assert [name for name, _ in checkpoint.tensor_digests(weights)] == ["b", "a"]
