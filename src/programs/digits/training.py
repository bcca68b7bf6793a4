"""The training: each step is scikit-learn's partial_fit on one batch, whose order follows from (seed, epoch)."""

from pathlib import Path

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

from harness.contract.program import Scores
from harness.contract.steps import Arrays, Outcome, Steps
from harness.worker import randomness
from programs.digits import Settings

TRAIN, VALIDATION, TEST = slice(0, 1197), slice(1197, 1497), slice(1497, 1797)  # rows


class Training(Steps):
    """Coefficients [10, 64], intercepts [10], and the count of examples by which the learning rate falls."""

    def __init__(self, settings: Settings, data: Path) -> None:
        self.seed, self.batch, self.steps_per_epoch = settings.seed, settings.batch_size, 1197 // settings.batch_size
        self.steps = settings.epochs * self.steps_per_epoch
        rows = np.loadtxt(data / "digits.csv", delimiter=",")
        self.inputs, self.labels = rows[:, :64] / 16, rows[:, 64].astype(int)
        self.model = SGDClassifier(loss="log_loss", alpha=settings.alpha, shuffle=False)
        self.model.partial_fit(self.inputs[:10], self.labels[:10], np.arange(10))  # makes the arrays

    def take(self, step: int) -> None:
        epoch, at = divmod(step, self.steps_per_epoch)
        rows = randomness.stream(self.seed, "order", epoch).permutation(1197)[at * self.batch : (at + 1) * self.batch]
        self.model.partial_fit(self.inputs[rows], self.labels[rows])

    def state(self) -> Arrays:
        return {"coef": self.model.coef_, "intercept": self.model.intercept_, "t": np.float64(self.model.t_)}

    def restore(self, step: int, arrays: Arrays) -> None:
        self.model.coef_, self.model.intercept_, self.model.t_ = arrays["coef"], arrays["intercept"], float(arrays["t"])

    def measure(self) -> dict[str, float]:
        return {**self._judge("train", TRAIN), **self._judge("validation", VALIDATION)}

    def finish(self) -> Outcome:
        return Outcome(self._judge("test", TEST), 300, self.state(), lambda path: np.savez(path, **self.state()))

    def _judge(self, split: str, rows: slice) -> dict[str, float]:
        inputs, labels = self.inputs[rows], self.labels[rows]
        loss = log_loss(labels, self.model.predict_proba(inputs), labels=range(10))
        return {f"{split}_accuracy": float(self.model.score(inputs, labels)), f"{split}_loss": float(loss)}


def score(model: Path, data: Path) -> Scores:
    """A saved model on the test digits, by its numbers alone."""
    rows, weights = np.loadtxt(data / "digits.csv", delimiter=",")[TEST], np.load(model)
    right = (rows[:, :64] / 16 @ weights["coef"].T + weights["intercept"]).argmax(axis=1) == rows[:, 64]
    return Scores({"accuracy": float(right.mean())}, right.tolist())
