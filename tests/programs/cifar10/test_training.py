"""CIFAR-10's program keeps the contract of a training in steps, and its numbers are what they are called."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.contract.errors import DataError, RunFailed, SettingError
from harness.contract.job import Job, Workers
from harness.frameworks import tensorflow
from harness.worker import checkpoint, clock, loop
from tests.support import small_data  # sets TensorFlow's environment: before keras

import keras  # isort: skip

from programs.cifar10 import dataset, evaluation, resnet, score, training  # isort: skip

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
VARIANTS: dict[str, dict[str, Any]] = {
    "v1": {},
    "v2, alternate flips, bfloat16": {"resnet_version": 2, "alternate_flips": True, "precision": "bfloat16"},
    "Muon, small images first": {"small_epochs": 0.5, "nesterov": False, "optimizer": "muon"},
}
# The step before the resolution changes, the first one after it, an epoch's last one before its measurement, the last.
STOPS = (2, 3, 6, 11)


def begin(images: int = 200, **changes: Any) -> training.ResNetTraining:
    """A training of twelve steps in two epochs."""
    return training.ResNetTraining(small_data.training(**changes), small_data.dataset(images))


def run(steps: training.ResNetTraining, folder: Path) -> loop.Trained:
    checkpointer = loop.Checkpointer(folder, "a" * 64, 1e9)
    return loop.Loop(steps, "images", lambda values: None, checkpointer, clock.Clock()).run()


def fresh(program: str, *arguments: str, path: bool = True) -> str:
    """What a program in a new interpreter prints; `path`: with this project's code, else without."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "TF_", "KERAS"))}
    environment = {**kept, "TF_CPP_MIN_LOG_LEVEL": "3"} | ({"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"} if path else {})
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


RESTORED = """
import json, sys
from pathlib import Path
import numpy as np
from tests.support import small_data
from harness.worker import checkpoint
from programs.cifar10 import training
variants, stops = json.loads(sys.argv[2]), json.loads(sys.argv[3])
found = {}
for number, (name, changes) in enumerate(variants.items()):
    steps = training.ResNetTraining(small_data.training(**changes), small_data.dataset())
    for stop in reversed(stops):
        arrays = np.load(Path(sys.argv[1], f"{number} {stop}.npz"))
        steps.step = stop
        steps.restore(stop, {path: arrays[path] for path in arrays.files})
        measured = steps.measure() if stop % steps.steps_per_epoch == 0 else None
        steps.advance(False, 1)
        found[f"{name} {stop}"] = [steps.step, measured, checkpoint.digest(steps.state())]
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.long
def test_its_state_is_all_that_a_step_reads_as_another_process_finds(tmp_path: Path) -> None:
    expected = {}
    for number, (name, changes) in enumerate(VARIANTS.items()):
        steps = begin(**changes)
        for at in range(12):
            measured = steps.measure() if at == 6 else None
            if at in STOPS:
                np.savez(tmp_path / f"{number} {at}.npz", **steps.state())
            assert not steps.advance(False, 1)
            if at in STOPS:
                expected[f"{name} {at}"] = [at + 1, measured, checkpoint.digest(steps.state())]
    found = json.loads(fresh(RESTORED, str(tmp_path), json.dumps(VARIANTS), json.dumps(STOPS)))
    assert found == expected
    assert len({digest for *_, digest in found.values()}) == len(VARIANTS) * len(STOPS)


class Done:
    """A training as the worker begins it, from files, and what it came to."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        identity = small_data.write(self.data)
        alone = Workers(("algo-1",), "algo-1")
        self.job = Job(alone, tensorflow.Replicas(alone), 2, identity)
        self.settings = small_data.training()
        self.steps = training.begin(self.settings, self.data, self.job)
        self.trained = run(self.steps, folder / "checkpoints")
        self.images = dataset.load(self.data, 1, 50, self.settings.seed)
        self.rows = list(self.trained.outcome.rows)
        self.model = folder / "model.keras"
        self.trained.outcome.save(self.model)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return Done(tmp_path_factory.mktemp("done"))


def crossentropies(logits: Any, labels: Any) -> Any:
    return np.asarray(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def test_what_it_measures_is_what_keras_finds_and_means_over_the_epoch(done: Done) -> None:
    rows, steps, images = done.trained.epochs, done.steps, done.images
    assert [row["step"] for row in rows] == [10, 20]
    logits = steps.trainer.model.predict(images.validation_images, verbose=0)
    measured = rows[-1]
    assert measured["validation_accuracy"] == (logits.argmax(1) == images.validation_labels).mean()
    assert measured["validation_loss"] == pytest.approx(
        crossentropies(logits, images.validation_labels).mean(), rel=1e-4
    )
    assert measured["learning_rate"] == steps.trainer.rates[19]
    assert rows[0]["learning_rate"] == steps.trainer.rates[9]
    state = steps.state()
    assert measured["train_loss"] == float(state["loss"]) / 10
    assert measured["train_accuracy"] == int(state["correct"]) / 320 <= 1
    assert 0 < measured["train_loss"] < rows[0]["train_loss"]


def test_means_within_an_epoch_add_up_to_those_of_the_epoch() -> None:
    steps = begin()
    for epoch, calls in enumerate(((1, 3, 2), (1, 5))):  # steps between two calls, six in an epoch
        added = dict.fromkeys(("loss", "accuracy"), 0.0)
        for count in calls:
            for _ in range(count):
                steps.advance(False, 1)
            recent = steps.recent()
            added = {name: total + count * recent[name] for name, total in added.items()}
        measured = steps.measure()
        for name, total in added.items():
            assert total / 6 == pytest.approx(measured[f"train_{name}"]), (epoch, name)
    assert steps.recent() == {}  # no step since


def test_what_it_ends_with_is_what_keras_finds_for_each_image(done: Done) -> None:
    outcome, images = done.trained.outcome, done.images
    logits = done.steps.trainer.model.predict(images.test_images, verbose=0)
    assert outcome.columns == ("image", "label", "predicted", "loss")
    expected = zip(range(100), images.test_labels, logits.argmax(1), strict=True)
    assert [row[:3] for row in done.rows] == list(expected)
    losses = crossentropies(logits, images.test_labels)
    np.testing.assert_allclose([float(str(row[3])) for row in done.rows], losses, rtol=1e-3, atol=1e-5)
    right = int((logits.argmax(1) == images.test_labels).sum())
    assert set(outcome.metrics) == {"test_loss", "test_accuracy"}
    assert outcome.metrics["test_accuracy"] == right / 100 and outcome.examples == 100
    assert outcome.metrics["test_loss"] == pytest.approx(losses.mean(), rel=1e-4)
    assert np.trace(outcome.confusion) == right
    np.testing.assert_array_equal(np.sum(outcome.confusion, 1), np.bincount(images.test_labels, minlength=4))
    assert outcome.classes == ("ash", "beech", "cedar", "date")
    assert list(outcome.weights) == [weight.path for weight in done.steps.trainer.model.weights]
    assert {f"weights/{path}" for path in outcome.weights} <= set(done.steps.state())


def test_the_saved_model_scores_as_recorded_here_and_in_plain_keras(done: Done, tmp_path: Path) -> None:
    outcome, right = done.trained.outcome, [row[1] == row[2] for row in done.rows]
    scores = score.score(done.model, done.data)
    assert scores.right == right
    assert scores.metrics == {"accuracy": outcome.metrics["test_accuracy"]}
    np.savez(tmp_path / "test.npz", images=done.images.test_images, labels=done.images.test_labels)
    program = (
        "import keras, numpy, sys\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "test = numpy.load(sys.argv[2])\n"
        "print((model.predict(test['images'], verbose=0).argmax(1) == test['labels']).sum(), model.count_params())\n"
    )
    printed = fresh(program, str(done.model), str(tmp_path / "test.npz"), path=False)
    assert printed.split() == [str(sum(right)), str(done.steps.trainer.model.count_params())]
    opened = keras.saving.load_model(done.model)
    assert (
        checkpoint.digest({weight.path: weight.numpy() for weight in opened.weights}) == done.trained.worker_weights[0]
    )


def test_data_that_is_not_the_plans_is_not_trained_on(done: Done, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    small_data.write(tmp_path / "data", 390)
    with pytest.raises(DataError, match="is altered: md5"):
        training.begin(done.settings, tmp_path / "data", done.job)


@pytest.mark.parametrize("augment", [False, True])
def test_labels_stay_with_their_images_through_order_and_augmentation(augment: bool) -> None:
    """Each image is all of one number, which its middle keeps whatever is cropped and flipped."""
    numbers = np.arange(200)
    pixels = np.broadcast_to(numbers[:, None, None, None], (200, 32, 32, 3)).astype(np.uint8)
    labels = (numbers * 7 % 4).astype(np.int32)
    rest = small_data.images(4)
    data = dataset.Dataset(pixels, labels, *rest, *rest, ("ash", "beech", "cedar", "date"))
    trainer = training.ResNetTraining(small_data.training(augment=augment), data).trainer
    for epoch in range(2):
        trainer._begin(epoch)
        seen: list[int] = []
        for at in range(6):
            batch, given = trainer.inputs.batch(np.int64(epoch * 6 + at), 32)
            found = np.rint(np.asarray(batch)[:, 16, 16] * trainer.inputs.std + trainer.inputs.mean).astype(int)
            assert (found == found[:, :1]).all()
            np.testing.assert_array_equal(given, labels[found[:, 0]])
            seen += found[:, 0].tolist()
        assert len(set(seen)) == 192


def test_evaluation_counts_each_image_once_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = small_data.images(50, seed=1)
    model = resnet.build(8, 1, 4, (120.0, 120.0, 120.0), (60.0, 60.0, 60.0))
    resnet.initialise(model, 0)
    logits = model.predict(images, verbose=0)
    for batch in (50, 16):
        monkeypatch.setattr(evaluation, "BATCH", batch)
        found, losses, predicted = evaluation.evaluate(evaluation.inference(model), images, labels)
        np.testing.assert_array_equal(predicted, logits.argmax(1))
        assert losses.mean() == pytest.approx(found.loss)
        assert found.confusion.sum() == found.images == 50
        assert found.correct == np.sum(logits.argmax(1) == labels)
        np.testing.assert_array_equal(found.confusion.sum(1), np.bincount(labels, minlength=4))  # rows are true
        assert found.loss == pytest.approx(float(crossentropies(logits, labels).mean()), rel=1e-4)


def test_a_small_set_is_learnt(tmp_path: Path) -> None:
    trained = run(begin(320, epochs=6, learning_rate=0.1), tmp_path)
    assert trained.epochs[-1]["train_loss"] < 0.7 * trained.epochs[0]["train_loss"]
    assert trained.epochs[-1]["train_accuracy"] > 0.8
    assert trained.outcome.metrics["test_accuracy"] > 0.8


def test_another_seed_gives_every_kernel_other_numbers() -> None:
    one, other = begin().weights(), begin(seed=2).weights()
    assert not [path for path in one if path.endswith("kernel") and np.array_equal(one[path], other[path])]


def test_a_loss_that_is_not_a_number_ends_the_training_with_one_line(tmp_path: Path) -> None:
    reason = r"not a number from step \d of 12 on, at learning_rate=1e\+30: try a lower"
    with pytest.raises(RunFailed, match=reason) as error:
        run(begin(learning_rate=1e30, warmup_epochs=0.0), tmp_path)
    assert "\n" not in str(error.value)


def test_a_batch_larger_than_the_training_set_is_refused() -> None:
    with pytest.raises(SettingError, match=r"batch_size=201 .*legal: 1 to 200"):
        begin(batch_size=201)


def test_a_training_set_of_one_batch_is_trained(tmp_path: Path) -> None:
    assert run(begin(32, epochs=1), tmp_path).epochs[-1]["step"] == 1


@pytest.mark.parametrize("precision", ["float32", "tensorfloat32"])
def test_kernels_are_the_precise_and_deterministic_ones(precision: str) -> None:
    from tensorflow.python.framework import config

    config.disable_op_determinism()
    begin(precision=precision)
    assert config.is_op_determinism_enabled()
    assert config.tensor_float_32_execution_enabled() is (precision == "tensorfloat32")
    config.enable_tensor_float_32_execution(False)
