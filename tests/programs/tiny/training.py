"""The training: points in the plane, two classes, momentum SGD."""

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.contract import atomic
from harness.contract.job import Job
from harness.contract.program import Scores
from harness.contract.steps import Outcome, Steps
from harness.worker import randomness
from programs.tiny import Settings

Array = np.ndarray[Any, Any]


def read(data: Path, name: str) -> tuple[Array, Array]:
    """Points float64 [n, 2] and labels int64 [n] of a file of `x,y,label` lines."""
    rows = np.loadtxt(data / f"{name}.csv", delimiter=",", ndmin=2)
    return rows[:, :2], rows[:, 2].astype(np.int64)


def judge(weights: Array, points: Array, labels: Array) -> tuple[float, float, Array]:
    """Error in percent, mean loss in nats, and the classes found."""
    logits = points @ weights[:2] + weights[2]
    found = (logits > 0).astype(np.int64)
    losses = np.logaddexp(0, np.where(labels == 1, -logits, logits))
    return 100 * float((found != labels).mean()), float(losses.mean()), found


class Training(Steps):
    """Weights and momentum, float64 [3]; the order of points is a function of (seed, epoch).

    Each worker takes its share of a batch, and the shares' gradients are added in the workers' order.
    """

    def __init__(self, settings: Settings, data: Path, job: Job) -> None:
        self.group, self.count = job.group, len(job.workers.hosts)
        self.rank = job.workers.hosts.index(job.workers.current)
        points, labels = read(data, "train")
        self.settings, self.batch = settings, settings.batch
        self.points, self.labels = points[:-50], labels[:-50]
        self.validation, self.test = (points[-50:], labels[-50:]), read(data, "test")
        self.steps_per_epoch = len(self.points) // settings.batch
        self.steps = settings.epochs * self.steps_per_epoch
        self.w = randomness.stream(settings.seed, "weights").normal(size=3)
        self.momentum = np.zeros(3)

    def advance(self, stop: bool, most: int) -> bool:
        super().advance(stop, most)
        return "stop" in self.group.gather("stop" if stop else "")

    def take(self, step: int) -> None:
        epoch, at = divmod(step, self.steps_per_epoch)
        order = randomness.stream(self.settings.seed, "order", epoch).permutation(len(self.points))
        rows = order[at * self.batch : (at + 1) * self.batch][self.rank :: self.count]
        points = np.column_stack([self.points[rows], np.ones(len(rows))])
        wrong = 1 / (1 + np.exp(-points @ self.w)) - self.labels[rows]
        shares = [np.frombuffer(bytes.fromhex(each)) for each in self.group.gather((points.T @ wrong).tobytes().hex())]
        self.momentum = 0.9 * self.momentum + sum(shares[1:], shares[0]) / self.batch
        self.w = self.w - self.settings.rate * self.momentum
        time.sleep(self.settings.pause)

    def state(self) -> Mapping[str, Array]:
        return {"weights": self.w, "momentum": self.momentum}

    def weights(self) -> Mapping[str, Array]:
        return {"weights": self.w}

    def restore(self, step: int, arrays: Mapping[str, Array]) -> None:
        self.w, self.momentum = arrays["weights"], arrays["momentum"]

    def measure(self) -> dict[str, float]:
        train, validation = judge(self.w, self.points, self.labels), judge(self.w, *self.validation)
        return {
            "train_error": train[0],
            "train_loss": train[1],
            "validation_error": validation[0],
            "validation_loss": validation[1],
        }

    def finish(self) -> Outcome:
        error, loss, found = judge(self.w, *self.test)
        labels = self.test[1]
        pairs = np.bincount(labels * 2 + found, minlength=4).reshape(2, 2)
        return Outcome(
            metrics={"test_error": error, "test_loss": loss},
            examples=len(labels),
            weights=self.weights(),
            save=self._save,
            columns=("point", "label", "predicted"),
            rows=zip(range(len(labels)), labels, found, strict=True),
            classes=("left", "right"),
            confusion=tuple(tuple(int(count) for count in row) for row in pairs),
        )

    def _save(self, path: Path) -> None:
        content = io.BytesIO()
        np.save(content, self.w)
        atomic.write(path, content.getvalue())


def score(model: Path, data: Path) -> Scores:
    """Judge a saved model on the test points."""
    weights = np.load(io.BytesIO(model.read_bytes()))
    points, labels = read(data, "test")
    error, loss, found = judge(weights, points, labels)
    return Scores({"error": error, "loss": loss}, (found == labels).tolist())
