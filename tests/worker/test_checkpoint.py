import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support import small_data  # sets TensorFlow's environment: before harness.fit

import keras  # isort: skip
from harness.frameworks import tensorflow
from harness.worker import checkpoint

from programs.cifar10 import fit, resnet  # isort: skip
from harness.contract.errors import NotReady  # isort: skip

PLAN = "a" * 64
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own


def model(seed: int = 1) -> keras.Model:
    built = resnet.build(8, 1, 4, (120.0, 121.0, 122.0), (60.0, 61.0, 62.0))
    resnet.initialise(built, seed)
    return built


def state(step: int) -> checkpoint.Checkpoint:
    arrays = {"weights/a/kernel": np.full((3, 2), step, np.float32), "step": np.int64(step)}
    return checkpoint.Checkpoint(
        PLAN, 1, step, [{"epoch": 1, "train_loss": 0.1}], {k: np.asarray(v) for k, v in arrays.items()}
    )


def test_equal_weights_are_saved_as_equal_bytes(tmp_path: Path) -> None:
    tensorflow.save(model(), tmp_path / "one.keras")
    time.sleep(2.1)  # the clock of a zip file ticks every two seconds
    tensorflow.save(model(), tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.keras", "two.keras"]


def test_plain_keras_in_a_fresh_interpreter_finds_the_same_count_and_weights(tmp_path: Path) -> None:
    outcome = fit.train(small_data.training(), small_data.dataset(), lambda line: None)
    data = small_data.dataset()
    tensorflow.save(outcome.model, tmp_path / "model.keras")
    np.savez(tmp_path / "test.npz", images=data.test_images, labels=data.test_labels)
    program = (
        "import keras, numpy\n"
        "model = keras.saving.load_model('model.keras')\n"
        "test = numpy.load('test.npz')\n"
        "print((model.predict(test['images'], verbose=0).argmax(1) == test['labels']).sum(), model.count_params())\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "TF_"))}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(outcome.test.correct), str(outcome.model.count_params())]
    opened = keras.saving.load_model(tmp_path / "model.keras")
    assert tensorflow.weight_digest(opened) == tensorflow.weight_digest(outcome.model)


def test_the_digest_sees_one_bit_of_one_weight() -> None:
    one, two = model(), model()
    assert tensorflow.weight_digest(one) == tensorflow.weight_digest(two)
    bias = two.get_layer("logits").bias
    bias.assign(np.array([0, 0, 0, 1e-45], np.float32))
    assert tensorflow.weight_digest(one) != tensorflow.weight_digest(two)


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.keras"
    tensorflow.save(model(), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        tensorflow.save(model(seed=2), path)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.write(tmp_path, state(5))
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]
    assert path.read_bytes() == before


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, state(7))
    found = checkpoint.load_latest(tmp_path, PLAN, pytest.fail)
    assert found is not None
    assert dataclasses.replace(found, arrays={}) == dataclasses.replace(state(7), arrays={})
    for name, array in state(7).arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 20, 300):
        checkpoint.write(tmp_path, state(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000020.ckpt", "step-000000300.ckpt"]


@pytest.mark.parametrize("damage", ["torn", "altered", "empty"])
def test_a_damaged_checkpoint_is_skipped_with_one_line_for_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoint.write(tmp_path, state(6))
    newest = checkpoint.write(tmp_path, state(12))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"torn": content[:-100], "altered": content, "empty": b""}[damage])
    notes: list[str] = []
    found = checkpoint.load_latest(tmp_path, PLAN, notes.append)
    assert found is not None
    assert found.step == 6
    assert notes == ["step-000000012.ckpt is torn or altered: skipped"]


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoint.load_latest(tmp_path, PLAN, pytest.fail) is None
    assert checkpoint.load_latest(tmp_path / "absent", PLAN, pytest.fail) is None


def test_another_plans_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, state(6))
    with pytest.raises(NotReady, match="belongs to experiment aaaaaaaa, not to bbbbbbbb"):
        checkpoint.load_latest(tmp_path, "b" * 64, pytest.fail)
