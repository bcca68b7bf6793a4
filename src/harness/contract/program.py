"""The contract of a program: what `PROGRAM` in src/programs/NAME/__init__.py holds. Standard library only.

A program's `__init__` imports nothing heavy, so that a wrong setting is reported before a framework loads: each
callable below imports what it needs when it is called.
"""

import importlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from harness.contract.errors import SettingError
from harness.contract.job import Group, Job, Workers
from harness.contract.metrics import Metric
from harness.contract.plan import DatasetId, Description

S = TypeVar("S")  # a program's settings: a frozen dataclass of scalars, each Annotated with its Rule
Arrays = Mapping[str, Any]  # NumPy arrays by name
NAME = re.compile(r"[a-z][a-z0-9_]*")


class Runtime:
    """The framework that a program trains with. This one is no framework at all: NumPy on the CPU.

    Attributes:
        package: the distribution whose version the bits depend on; None for none.
        variables: the environment variables that the bits depend on.
        deterministic: whether the framework promises equal bits on equal hardware.
    """

    package: str | None = "numpy"
    variables: tuple[str, ...] = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE")
    deterministic: bool = True

    def configure(self, threads: int) -> None:
        """Set what the framework reads when it loads; called before anything of it is imported."""
        os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))

    def devices(self) -> list[str]:
        """The GPUs that the framework sees, each with what its bits depend on."""
        return []

    def join(self, workers: Workers) -> Group:
        """Tie the workers of one job together; called before anything else of the framework runs.

        Raises:
            SettingError: this framework cannot train with several workers.
        """
        if len(workers.hosts) > 1:
            raise SettingError("this program trains in one worker", legal="mode.instance_count=1")
        return Group()


class Steps:
    """A training between two steps. The harness owns the loop: checkpoints, stopping, resuming, progress.

    A subclass sets `steps` and `steps_per_epoch`, and defines `take`, `state`, `restore`, `measure` and `finish`.

    Attributes:
        steps: in the whole training.
        steps_per_epoch: after as many, `measure` is called and a row of metrics.csv written.
        batch: examples that one step takes, all workers together.
        step: the number of steps done; kept by `advance` and, when it resumes, by the harness.
    """

    steps: int
    steps_per_epoch: int
    batch: int = 1
    step: int = 0

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

    def finish(self) -> "Outcome":
        """After the last step: the trained model and its score on the test data."""
        raise NotImplementedError

    def weights(self) -> Arrays:
        """The model's part of `state`, whose digest says after each epoch whether two trainings are still equal."""
        return self.state()

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


@dataclass(frozen=True)
class Scores:
    """A saved model on the test data: metrics by name (without `test_`), and which examples it gets right."""

    metrics: Mapping[str, float]
    right: Sequence[bool]


@dataclass(frozen=True)
class Published:
    """A data set as it was published: its content, and the archive in which its files lie under their own paths."""

    dataset: DatasetId
    archive: str
    md5: str
    size: int


@dataclass(frozen=True)
class Sample:
    """A small data set that the project makes itself, and that stands in where the real one cannot be had.

    Attributes:
        name, hash: as its DatasetId has them.
        write: makes it in a folder; the bytes are the same on every machine.
        warning: one line for everybody who sees a result of it.
    """

    name: str
    hash: str
    write: Callable[[Path], DatasetId]
    warning: str


@dataclass(frozen=True)
class Source:
    """Where a program's data comes from beyond DVC; None where there is no such way."""

    published: Published | None = None
    sample: Sample | None = None


def _nothing(*arguments: Any) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class Program(Generic[S]):
    """What is trained.

    Attributes:
        settings: a frozen dataclass of scalars, each Annotated with its Rule; `seed` is one of them.
        metrics: the first one decides: sweeps, verdicts and reports go by it.
        train: from settings and a folder of verified data to a training that has not begun.
        score: a saved model on the test data of a folder: the independent check that evaluate.py runs.
        source: where the data comes from.
        examples: what one of them is called, in the plural.
        model: the name of the model's file.
        runtime: the framework.
        about: what is trained, in a few words.
        check: rules across settings; the second argument is the number of workers. Raises SettingError.
        check_data: whether settings and data go together. Raises SettingError or DataError.
        pace: the settings on which the time of an epoch depends, for estimates.
        plots: (file name, matplotlib figure) of each plot of a run folder and its data beyond the learning curve.
        differences: how two folders of data differ, a line for each aspect.
    """

    settings: type[S]
    metrics: tuple[Metric, ...]
    train: Callable[[S, Path, Job], Steps]
    score: Callable[[Path, Path], Scores]
    source: Callable[[], Source]
    examples: str = "examples"
    model: str = "model.bin"
    runtime: Runtime = field(default_factory=Runtime)
    about: Callable[[S], str] = lambda settings: ""
    check: Callable[[S, int], object] = _nothing
    check_data: Callable[[S, Path], object] = _nothing
    pace: tuple[str, ...] = ()
    plots: Callable[[Path, Path], Iterable[tuple[str, Any]]] = _nothing
    differences: Callable[[Path, Path], Iterable[str]] = _nothing

    def describe(self, name: str, settings: S) -> Description:
        """What plan and record say of the program, so that they can be read without it."""
        return Description(self.about(settings) or name, self.metrics, self.examples, self.model)


def load(name: str) -> Program[Any]:
    """The program of that name.

    Raises:
        SettingError: there is none, or it defines no PROGRAM.
    """
    known = names()
    if name not in known:
        raise SettingError(f"program={name} does not exist", legal=" | ".join(known), command=f"ls {_folder()}")
    module = importlib.import_module(f"programs.{name}")
    program = getattr(module, "PROGRAM", None)
    if not isinstance(program, Program):
        raise SettingError(f"src/programs/{name}/__init__.py defines no PROGRAM", legal="PROGRAM = Program(...)")
    return program


def names() -> list[str]:
    """The programs that are there."""
    folders = (path.parent for path in _folder().glob("*/__init__.py"))
    return sorted(path.name for path in folders if NAME.fullmatch(path.name))


def _folder() -> Path:
    return Path(__file__).parents[2] / "programs"
