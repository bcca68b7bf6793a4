"""Training from the first step to the test set: the loop, its checkpoints and reports.

TensorFlow must find its environment (oneDNN, threads) set before this module is imported.
"""

import contextlib
import ctypes
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from harness import checkpoint, workers
from harness.errors import ReadRecord
from harness.evaluation import BATCH, GPU_BATCH, Evaluation, evaluate, inference
from harness.plan import TRIED
from harness.step import Array, Trainer

if TYPE_CHECKING:
    from harness.dataset import Dataset
    from harness.settings import Training

Report = Callable[[dict[str, Any]], None]
PROGRESS_SECONDS = 2.0
CALL_SECONDS = 1.0  # of steps in a call that takes several: a request to stop is heard after as long
FIRST_STEPS = 10  # of the call that tells how long a step takes


@dataclass(frozen=True)
class Outcome:
    """What a training leaves.

    `epochs` are the reports of all epochs, those before a resume included. `seconds` are this process's wall time by
    phase: build, trace (with the first step, in which TensorFlow optimises the graph), train, evaluate, checkpoint.
    `losses` are the test images' cross-entropies in nats, `predicted` their classes. `worker_weights` are the weight
    digests of all replicas, the chief's first.
    """

    model: keras.Model
    epochs: list[dict[str, Any]]
    test: Evaluation
    losses: Array
    predicted: Array
    seconds: dict[str, float]
    worker_weights: list[str]

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


@dataclass(frozen=True)
class Keeper:
    """Where and how often states are kept, for which experiment; `write` is False in all workers but one."""

    folder: Path
    plan_id: str
    seconds: float
    write: bool = True


def train(
    config: "Training",
    data: "Dataset",
    report: Report,
    keeper: Keeper | None = None,
    stop: Callable[[], str | None] = lambda: None,
    strategy: Any = None,
    stop_after: int | None = None,
) -> Outcome:
    """Train, evaluate on the validation images after each epoch and on the test images once at the end.

    The newest checkpoint that the keeper finds is resumed, to the same bits as if it had never stopped. A new one is
    written at the first step boundary `keeper.seconds` after the last one, when `stop` gives a reason, and at the end.
    A trial stops after the step `stop_after` as if `stop` had given a reason.
    A `strategy` of several replicas trains one model on shares of each batch; each process calls this function.

    `report` gets dicts of plain values, told apart by their first key:
        epoch (from 1), step, train_loss, train_accuracy, validation_loss, validation_accuracy, learning_rate (of its
            last step), images_per_second (of its steps alone), seconds (with validation), weights (the first digits of
            their digest): after each epoch;
        progress (True), epoch, epochs, step, steps, images_per_second, seconds_left: every 2 s at most;
        note (text);
        test_loss, test_accuracy: at the end.
    train_loss is what the steps minimised, label smoothing included and weight decay left out; it and train_accuracy
    are means over the epoch while the weights changed.

    Raises:
        ChangeSetting: a batch is larger than the training set, or does not go into the replicas.
        ReadRecord: the loss became infinite or not a number, or `stop` gave a reason.
        PreparePlace: the keeper's folder belongs to another plan.
        OSError: a checkpoint could not be written.
    """
    clock = Clock()
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(config.precision == "tensorfloat32")
    return _Loop(Trainer(config, data, strategy), data, report, keeper, stop, stop_after, clock).run()


class _Loop:
    """One training: its trainer, its clock, and the reports of the epochs done."""

    def __init__(
        self,
        trainer: Trainer,
        data: "Dataset",
        report: Report,
        keeper: Keeper | None,
        stop: Callable[[], str | None],
        stop_after: int | None,
        clock: Clock,
    ) -> None:
        self.trainer, self.data, self.report, self.keeper, self.stop = trainer, data, report, keeper, stop
        self.clock, self.stop_after = clock, stop_after
        self.batch = GPU_BATCH if trainer.several else BATCH  # of an evaluation
        self.epochs: list[dict[str, Any]] = []
        self.kept = (-1, 0)  # steps and epochs done at the last checkpoint
        self.resumed = 0  # the step that this process began at
        self.pace = 0.0  # seconds of a step, once it is known
        self.began = self.told = self.saved = time.perf_counter()

    def run(self) -> Outcome:
        trainer, clock = self.trainer, self.clock
        self._resume()
        clock.lap("build")
        self.began = self.told = self.saved = time.perf_counter()
        while len(self.epochs) < trainer.config.epochs:
            began = time.perf_counter()
            speed = self._steps((len(self.epochs) + 1) * trainer.steps_per_epoch)
            loss, accuracy = trainer.sums()
            clock.lap("train")
            validation, *_ = evaluate(
                trainer.infer, self.data.validation_images, self.data.validation_labels, self.batch
            )
            clock.lap("evaluate")
            self.epochs.append(
                {
                    "epoch": len(self.epochs) + 1,
                    "step": trainer.step,
                    "train_loss": loss,
                    "train_accuracy": accuracy,
                    "validation_loss": validation.loss,
                    "validation_accuracy": validation.accuracy,
                    "learning_rate": trainer.rates[trainer.step - 1],
                    "images_per_second": speed,
                    "seconds": time.perf_counter() - began,
                    "weights": checkpoint.digest(trainer.weights())[: checkpoint.SHORT],
                }
            )
            self.report(dict(self.epochs[-1]))
        self._keep()
        # the model's own inference, so that the saved file gives the same counts
        infer = inference(trainer.model)
        test, losses, predicted = evaluate(infer, self.data.test_images, self.data.test_labels, self.batch)
        clock.lap("evaluate")
        self.report({"test_loss": test.loss, "test_accuracy": test.accuracy})
        digests = workers.gather(trainer.strategy, checkpoint.weight_digest(trainer.model))
        return Outcome(trainer.model, self.epochs, test, losses, predicted, clock.seconds, digests)

    def _resume(self) -> None:
        """Put the trainer where the newest checkpoint left it."""
        if self.keeper is None:
            return
        found = checkpoint.load_latest(
            self.keeper.folder, self.keeper.plan_id, lambda text: self.report({"note": text})
        )
        step = found.step if found else 0
        if len(steps := set(workers.gather(self.trainer.strategy, f"{step}"))) > 1:
            raise ReadRecord(f"the workers found checkpoints of different steps: {', '.join(sorted(steps))}")
        if found:
            self.trainer.restore(found.step, found.arrays)
            self.epochs, self.resumed = found.epochs, found.step
            self.kept = (found.step, len(found.epochs))
            self.report({"note": f"resumed after step {found.step} of {self.trainer.steps}"})

    def _steps(self, end: int) -> float:
        """The steps up to `end`; returns images per second."""
        trainer, clock = self.trainer, self.clock
        first, began = start = trainer.step, time.perf_counter()
        while trainer.step < end:
            why, called, before = self.stop(), time.perf_counter(), trainer.step
            steps = 1 if why else self._ahead()
            why = why or (TRIED if before + steps == self.stop_after else None)
            stopped = trainer.advance(why is not None, steps)
            if not clock.seconds["trace"]:  # tracing and optimising the graph says nothing about speed
                self._check_finite()  # reads from the device, and so waits for it
                clock.lap("trace")
                first, began, self.resumed = trainer.step, time.perf_counter(), trainer.step
                self.began = self.told = began
            elif trainer.several:
                self._check_finite()  # once in a second or so
                self.pace = (time.perf_counter() - called) / (trainer.step - before)
            if stopped:
                self._keep()
                raise ReadRecord(why or self.stop() or "another worker was stopped")
            now = time.perf_counter()
            if self.keeper is not None and now - self.saved >= self.keeper.seconds:
                self._keep()
            if now - self.told >= PROGRESS_SECONDS and trainer.step > first:
                self._check_finite()  # not at each step: on a GPU it would hold up the next one
                self._tell((trainer.step - first) * trainer.config.batch_size / (time.perf_counter() - began))
        self._check_finite()
        if trainer.step == first:  # a resumed process had but one step to do, and traced it
            first, began = start
        return (trainer.step - first) * trainer.config.batch_size / max(time.perf_counter() - began, 1e-9)

    def _ahead(self) -> int:
        """The steps of the next call: one, or as many as fill its time and end before the next state is due."""
        trainer = self.trainer
        if not trainer.several or not self.clock.seconds["trace"]:
            return 1
        steps = min(trainer.room, FIRST_STEPS)
        if self.pace:
            due = self.saved + self.keeper.seconds - time.perf_counter() if self.keeper else CALL_SECONDS
            steps = min(trainer.room, max(1, int(min(due, CALL_SECONDS) / self.pace)))
        return min(steps, self.stop_after - trainer.step) if self.stop_after else steps

    def _tell(self, speed: float) -> None:
        trainer, self.told = self.trainer, time.perf_counter()
        past, now, end = (trainer.work(step) for step in (self.resumed, trainer.step, trainer.steps))
        self.report(
            {
                "progress": True,
                "epoch": len(self.epochs) + 1,
                "epochs": trainer.config.epochs,
                "step": trainer.step,
                "steps": trainer.steps,
                "images_per_second": speed,
                "seconds_left": (self.told - self.began) / (now - past) * (end - now),
            }
        )

    def _keep(self) -> None:
        """Write a checkpoint, unless the last one holds all that is done."""
        trainer, keeper = self.trainer, self.keeper
        done = (trainer.step, len(self.epochs))
        if keeper is None or self.kept == done:
            return
        self._check_finite()
        self.clock.lap("train")
        if keeper.write:
            state = checkpoint.Checkpoint(
                keeper.plan_id, trainer.config.seed, trainer.step, self.epochs, trainer.arrays()
            )
            checkpoint.write(keeper.folder, state)
        self.clock.lap("checkpoint")
        self.kept, self.saved = done, time.perf_counter()

    def _check_finite(self) -> None:
        trainer = self.trainer
        if trainer.bad_step is not None:
            raise ReadRecord(
                f"the loss is infinite or not a number from step {trainer.bad_step} of {trainer.steps} on, at "
                f"learning_rate={trainer.config.learning_rate:g}: try a lower one, or a longer warm-up"
            )


def devices() -> list[str]:
    """The GPUs that TensorFlow sees, each with what its bits depend on: model, compute capability, CUDA, cuDNN, driver.

    Their memory is then taken as it is needed, not all at once.
    """
    gpus, built = tf.config.list_physical_devices("GPU"), tf.sysconfig.get_build_info()
    versions = ", ".join(f"{name} {built.get(f'{name}_version')}" for name in ("cuda", "cudnn"))
    if gpus:
        versions += _loaded()
    found = []
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
        details = tf.config.experimental.get_device_details(gpu)
        found.append(f"{details.get('device_name')}, capability {details.get('compute_capability')}, {versions}")
    return found


def _loaded() -> str:
    """The cuDNN and the driver that are used, as far as they tell."""
    found = ""
    with contextlib.suppress(OSError, AttributeError):
        found += f", loaded cudnn {ctypes.CDLL('libcudnn.so.9').cudnnGetVersion()}"
    with contextlib.suppress(OSError):
        told = Path("/proc/driver/nvidia/version").read_text()
        if match := re.search(r"Kernel Module.*?\s(\d+\.[\d.]+)", told):
            found += f", driver {match[1]}"
    return found
