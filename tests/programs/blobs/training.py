"""The training: points in the plane, softmax regression, one step an epoch's twentieth."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.contract import atomic
from harness.contract.program import Scores
from harness.contract.steps import Outcome, Steps
from harness.worker import randomness
from programs.blobs import Settings

Array = np.ndarray[Any, Any]
CLASSES = ("cat", "dog", "ship")


def read(data: Path, name: str) -> tuple[Array, Array]:
    """Points float64 [n, 3], a column of ones last, and labels int64 [n] of a file of `x,y,label` lines."""
    rows = np.loadtxt(data / f"{name}.csv", delimiter=",", ndmin=2)
    return np.column_stack([rows[:, :2], np.ones(len(rows))]), rows[:, 2].astype(np.int64)


def found(weights: Array, points: Array) -> Array:
    """The class of each point."""
    return np.asarray((points @ weights).argmax(axis=1))


class Training(Steps):
    """Weights float64 [3, 3]; the order of points is a function of (seed, epoch)."""

    steps_per_epoch = 20

    def __init__(self, settings: Settings, data: Path) -> None:
        self.settings, self.steps = settings, settings.epochs * self.steps_per_epoch
        self.points, self.labels = read(data, "train")
        self.test = read(data, "test")
        self.w = randomness.stream(settings.seed, "weights").normal(size=(3, len(CLASSES)))

    def take(self, step: int) -> None:
        epoch, at = divmod(step, self.steps_per_epoch)
        order = randomness.stream(self.settings.seed, "order", epoch).permutation(len(self.points))
        rows = np.array_split(order, self.steps_per_epoch)[at]
        logits = self.points[rows] @ self.w
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(len(rows)), self.labels[rows]] -= 1
        self.w = self.w - self.settings.rate * self.points[rows].T @ shares / len(rows)

    def state(self) -> Mapping[str, Array]:
        return {"weights": self.w}

    def restore(self, step: int, arrays: Mapping[str, Array]) -> None:
        self.w = arrays["weights"]

    def measure(self) -> dict[str, float]:
        share = float((found(self.w, self.points) == self.labels).mean())
        return {"train_accuracy": share, "validation_accuracy": share}

    def finish(self) -> Outcome:
        labels, predicted = self.test[1], found(self.w, self.test[0])
        pairs = np.bincount(labels * len(CLASSES) + predicted, minlength=len(CLASSES) ** 2).reshape(len(CLASSES), -1)
        return Outcome(
            metrics={"test_accuracy": float((labels == predicted).mean())},
            examples=len(labels),
            weights=self.state(),
            save=self._save,
            columns=("point", "label", "predicted"),
            rows=zip(range(len(labels)), labels, predicted, strict=True),
            classes=CLASSES,
            confusion=tuple(tuple(int(count) for count in row) for row in pairs),
        )

    def _save(self, path: Path) -> None:
        content = io.BytesIO()
        np.save(content, self.w)
        atomic.write(path, content.getvalue())


def score(model: Path, data: Path) -> Scores:
    """Judge a saved model on the test points."""
    points, labels = read(data, "test")
    right = found(np.load(io.BytesIO(model.read_bytes())), points) == labels
    return Scores({"accuracy": float(right.mean())}, right.tolist())
