"""Training from the first step to the test set: the loop, its reports, and the evaluation.

TensorFlow must find its environment (oneDNN, threads) set before this module is imported.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from harness import checkpoint
from harness.errors import ChangeSetting, ReadRecord
from harness.step import Array, Trainer

if TYPE_CHECKING:
    from harness.dataset import Dataset
    from harness.settings import Training

Report = Callable[[dict[str, Any]], None]
PROGRESS_SECONDS = 2.0
EVALUATION_BATCH = 500  # images at a time; memory alone depends on it


@dataclass(frozen=True)
class Evaluation:
    """`loss` is the mean cross-entropy in nats; `confusion[true, predicted]` counts images (int64)."""

    loss: float
    correct: int
    images: int
    confusion: Array

    @property
    def accuracy(self) -> float:
        """Share of images whose largest logit is their label's."""
        return self.correct / self.images


@dataclass(frozen=True)
class Outcome:
    """What a training leaves.

    `epochs` are the reports of all epochs, those before a resume included. `seconds` are this process's wall time by
    phase: build, trace (with the first step, in which TensorFlow optimises the graph), train, evaluate, checkpoint.
    """

    model: keras.Model
    epochs: list[dict[str, Any]]
    test: Evaluation
    seconds: dict[str, float]

    def results(self) -> dict[str, Any]:
        """The last epoch's losses and accuracies and the test's, as `record.Results` names them."""
        names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        return {
            **{name: self.epochs[-1][name] for name in names},
            "test_loss": self.test.loss,
            "test_accuracy": self.test.accuracy,
            "test_correct": self.test.correct,
            "test_images": self.test.images,
            "confusion": tuple(tuple(int(count) for count in row) for row in self.test.confusion),
        }


class Clock:
    """Wall time by phase, in seconds: each lap goes to the phase that it ends."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("build", "trace", "train", "evaluate", "checkpoint"), 0.0)
        self._last = time.perf_counter()

    def lap(self, phase: str) -> float:
        """Seconds since the last lap, added to `phase`."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        self.seconds[phase] += passed
        return passed


def train(config: "Training", data: "Dataset", report: Report, checkpoints: Path | None, plan_id: str) -> Outcome:
    """Train, evaluate on the validation images after each epoch and on the test images once at the end.

    The newest checkpoint in `checkpoints` is resumed, to the same bits as if it had never stopped; None keeps none.

    `report` gets dicts of plain values, told apart by their first key:
        epoch (from 1), step, train_loss, train_accuracy, validation_loss, validation_accuracy, learning_rate (of its
            last step), images_per_second (of its steps alone), seconds (with validation): after each epoch;
        progress (True), step, steps, images_per_second: every 2 s at most;
        note (text);
        test_loss, test_accuracy: at the end.
    train_loss is what the steps minimised, label smoothing included and weight decay left out; it and train_accuracy
    are means over the epoch while the weights changed.

    Raises:
        ChangeSetting: a batch is larger than the training set.
        ReadRecord: the loss became infinite or not a number.
        PreparePlace: `checkpoints` belongs to another plan.
        OSError: a checkpoint could not be written.
    """
    clock = Clock()
    if config.batch_size > len(data.train_images):
        raise ChangeSetting(
            f"batch_size={config.batch_size} is more than there are training images",
            legal=f"1 to {len(data.train_images)}",
        )
    tf.config.experimental.enable_op_determinism()
    trainer = Trainer(config, data)
    evaluate = evaluator(trainer.model)
    epochs = [] if checkpoints is None else _resume(trainer, checkpoints, plan_id, report)
    clock.lap("build")
    while trainer.step < trainer.steps:
        began = time.perf_counter()
        speed = _epoch(trainer, report, clock)
        loss, accuracy = trainer.sums()
        clock.lap("train")
        validation = evaluate(data.validation_images, data.validation_labels)
        clock.lap("evaluate")
        line = {
            "epoch": trainer.step // trainer.steps_per_epoch,
            "step": trainer.step,
            "train_loss": loss,
            "train_accuracy": accuracy,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
            "learning_rate": trainer.rates[trainer.step - 1],
            "images_per_second": speed,
            "seconds": time.perf_counter() - began,
        }
        epochs.append(line)
        report(dict(line))
        if checkpoints is not None:
            state = checkpoint.Checkpoint(plan_id, config.seed, trainer.step, epochs, trainer.arrays())
            checkpoint.write(checkpoints, state)
            clock.lap("checkpoint")
    test = evaluate(data.test_images, data.test_labels)
    clock.lap("evaluate")
    report({"test_loss": test.loss, "test_accuracy": test.accuracy})
    return Outcome(trainer.model, epochs, test, clock.seconds)


def _resume(trainer: Trainer, folder: Path, plan_id: str, report: Report) -> list[dict[str, Any]]:
    """Put the trainer where the newest checkpoint left it; returns the reports of the epochs done."""
    found = checkpoint.load_latest(folder, plan_id, lambda text: report({"note": text}))
    if found is None:
        return []
    trainer.restore(found.arrays)
    report({"note": f"resumed after step {found.step} of {trainer.steps}"})
    return found.epochs


def _epoch(trainer: Trainer, report: Report, clock: Clock) -> float:
    """The steps up to the end of the epoch that the trainer is in; returns images per second."""
    step = trainer.step
    epoch = step // trainer.steps_per_epoch
    trainer.begin_epoch(epoch)
    batch, images, began = trainer.config.batch_size, 0, time.perf_counter()
    told = began
    while step < (epoch + 1) * trainer.steps_per_epoch:
        trainer.advance()
        step += 1
        images += batch
        if not clock.seconds["trace"]:  # tracing and optimising the graph says nothing about speed
            _check_finite(trainer)  # reads from the device, and so waits for it
            clock.lap("trace")
            images, began = 0, time.perf_counter()
            told = began
            continue
        now = time.perf_counter()
        if now - told >= PROGRESS_SECONDS:
            _check_finite(trainer)  # not at each step: on a GPU it would hold up the next one
            told = time.perf_counter()
            speed = images / (told - began)
            report({"progress": True, "step": step, "steps": trainer.steps, "images_per_second": speed})
    _check_finite(trainer)
    return images / (time.perf_counter() - began)


def _check_finite(trainer: Trainer) -> None:
    if trainer.bad_step is not None:
        raise ReadRecord(
            f"the loss is infinite or not a number from step {trainer.bad_step} of {trainer.steps} on, at "
            f"learning_rate={trainer.config.learning_rate:g}: try a lower one, or a longer warm-up"
        )


def evaluator(model: keras.Model) -> Callable[[Array, Array], Evaluation]:
    """A function of (uint8 images [n, 32, 32, 3], labels [n]) that evaluates the model as it then is.

    It is the model's own inference, so that the saved file gives the same counts.
    """

    infer = tf.function(
        lambda images: model(images, training=False),
        input_signature=[tf.TensorSpec([None, 32, 32, 3], tf.float32)],
        autograph=False,
    )

    def evaluate(images: Array, labels: Array) -> Evaluation:
        parts = [images[at : at + EVALUATION_BATCH] for at in range(0, len(images), EVALUATION_BATCH)]
        logits = np.concatenate([infer(part.astype(np.float32)).numpy() for part in parts]).astype(np.float64)
        logits -= logits.max(1, keepdims=True)
        losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]
        classes = logits.shape[1]
        pairs = labels.astype(np.int64) * classes + logits.argmax(1)
        confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        return Evaluation(float(losses.mean()), int(confusion.trace()), len(labels), confusion)

    return evaluate


def devices() -> list[str]:
    """Names of the GPUs that TensorFlow sees."""
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [str(detail["device_name"]) for detail in details]
