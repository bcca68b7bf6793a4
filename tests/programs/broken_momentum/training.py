"""A line through points, by momentum SGD on ten of them at a time. The momentum is not in its state."""

from pathlib import Path

import numpy as np

from harness.contract.job import Job
from harness.contract.steps import Arrays, Outcome, Steps
from harness.worker import randomness
from programs.broken_momentum import Settings


class Training(Steps):
    """Slope and height, float64 [2]."""

    steps_per_epoch = 6
    batch = 10

    def __init__(self, settings: Settings, data: Path, job: Job) -> None:
        self.steps, self.settings = settings.epochs * self.steps_per_epoch, settings
        self.points = np.loadtxt(data / "points.csv", delimiter=",")
        self.w, self.momentum = np.zeros(2), np.zeros(2)

    def take(self, step: int) -> None:
        epoch, at = divmod(step, self.steps_per_epoch)
        order = randomness.stream(self.settings.seed, "order", epoch).permutation(60)
        rows = self.points[order[at * 10 : (at + 1) * 10]]
        inputs = np.column_stack([rows[:, 0], np.ones(10)])
        self.momentum = 0.9 * self.momentum + inputs.T @ (inputs @ self.w - rows[:, 1]) / 10
        self.w = self.w - 0.1 * self.momentum

    def state(self) -> Arrays:
        return {"weights": self.w}

    def restore(self, step: int, arrays: Arrays) -> None:
        self.w = arrays["weights"]

    def weights(self) -> Arrays:
        return {"weights": self.w}

    def measure(self) -> dict[str, float]:
        return {f"{split}_loss": self._loss() for split in ("train", "validation")}

    def finish(self) -> Outcome:
        return Outcome({"test_loss": self._loss()}, 60, self.weights(), self._save)

    def _loss(self) -> float:
        return float(((self.points[:, 0] * self.w[0] + self.w[1] - self.points[:, 1]) ** 2).mean())

    def _save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, self.w)
