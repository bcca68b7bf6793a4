"""What a training in steps must provide: the harness owns the loop around it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Arrays = Mapping[str, Any]  # NumPy arrays by name


class Steps:
    """A training between two steps. The harness owns the loop: checkpoints, stopping, resuming, progress.

    A subclass sets `steps` and `steps_per_epoch`, and defines `take`, `state`, `restore`, `measure` and `finish`.

    Attributes:
        steps: in the whole training.
        steps_per_epoch: after as many, `measure` is called and a row of metrics.csv written.
        batch: examples that one step takes, all workers together.
        step: the number of steps done; kept by `advance` and, when it resumes, by the harness.
        seed, reseed: where `reseed` is True, the global generators of Python and of the frameworks that are loaded
            are set from (`seed`, step) before each step: dropout and ordinary shuffling resume to the same bits.
    """

    steps: int
    steps_per_epoch: int
    batch: int = 1
    step: int = 0
    seed: int = 0
    reseed: bool = False

    def take(self, step: int) -> None:
        """Take one step; `step` counts from 0."""
        raise NotImplementedError

    def advance(self, stop: bool, most: int) -> bool:
        """Take at least one step and at most `most`; whether any worker was asked to stop. This one takes one.

        `most` never leads beyond the end of an epoch. It differs between workers: where several take a step together,
        each call takes as many in all of them.
        """
        self.take(self.step)
        self.step += 1
        return stop

    def state(self) -> Arrays:
        """Everything that a step reads and writes, by name. All else is a function of (settings, data, step)."""
        raise NotImplementedError

    def restore(self, step: int, arrays: Arrays) -> None:
        """Put back what `state` gave after `step` steps; `self.step` is set already."""
        raise NotImplementedError

    def measure(self) -> dict[str, float]:
        """At the end of an epoch, the numbers of its row: train_NAME and validation_NAME of each metric, and others."""
        raise NotImplementedError

    def recent(self) -> Mapping[str, float]:
        """Means over the steps since this was called last, by name, for curves while an epoch lasts; not recorded.

        Asked for every few seconds, and of each worker at a time of its own: it must not wait for the others.
        """
        return {}

    def finish(self) -> "Outcome":
        """After the last step: the trained model and its score on the test data."""
        raise NotImplementedError

    def weights(self) -> Arrays:
        """The model's part of `state`, whose digest says after each epoch whether two trainings are still equal."""
        return self.state()

    def verified(self) -> str:
        """What this worker has read and checked against the plan, in at most 64 ASCII characters.

        Empty where the harness checks all data before the training.
        """
        return ""

    def check(self) -> None:
        """Wait for the device, and raise if the training cannot go on.

        Raises:
            RunFailed: say why, and what to try.
        """

    def work(self, step: int) -> float:
        """The cost of the first `step` steps, in any unit: for the time that is left."""
        return float(step)


@dataclass(frozen=True)
class Outcome:
    """What a training ends with.

    Attributes:
        metrics: test_NAME of each metric of the program.
        examples: the number of test examples that they are over.
        weights: NumPy arrays by path, in the model's order; the harness computes their digests.
        save: writes the model to a path: equal weights, equal bytes.
        columns, rows: a table of predictions, one row for each test example; none where `columns` is empty.
        classes: names by label, for a classifier.
        confusion: `confusion[true][predicted]` counts test examples, for a classifier.
    """

    metrics: Mapping[str, float]
    examples: int
    weights: Arrays
    save: Callable[[Path], None]
    columns: tuple[str, ...] = ()
    rows: Iterable[Sequence[object]] = ()
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
