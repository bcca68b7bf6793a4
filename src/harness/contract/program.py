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
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from harness.contract import admission
from harness.contract.command import Command
from harness.contract.errors import SettingError
from harness.contract.job import Group, Job, Workers
from harness.contract.metrics import Metric
from harness.contract.plan import Description
from harness.contract.source import Source
from harness.contract.steps import Steps

S = TypeVar("S")  # a program's settings: a frozen dataclass of scalars, each Annotated with its Rule
NAME = re.compile(r"[a-z][a-z0-9_]*")


class Runtime:
    """The framework that a program trains with. This one is no framework at all: NumPy on the CPU.

    Attributes:
        package: the distribution whose version the bits depend on; None for none.
        variables: the environment variables that the bits depend on; `gpu_variables` where there is a GPU.
        deterministic: whether the framework promises equal bits on equal hardware.
        capability: the least compute capability of a GPU that its locked libraries have code for.
        chosen: what else bits depend on, by name: how images are decoded.
    """

    package: str | None = "numpy"
    variables: tuple[str, ...] = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE")
    gpu_variables: tuple[str, ...] = ()
    deterministic: bool = True
    capability: tuple[int, int] = (0, 0)
    chosen: Mapping[str, str] = MappingProxyType({})

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


@dataclass(frozen=True)
class Scores:
    """A saved model on the test data: metrics by name (without `test_`), and which examples it gets right."""

    metrics: Mapping[str, float]
    right: Sequence[bool]


def _nothing(*arguments: Any) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class Program(Generic[S]):
    """What is trained.

    Attributes:
        settings: a frozen dataclass of scalars, each Annotated with its Rule; `seed` is one of them.
        metrics: the first one decides: sweeps, verdicts and reports go by it.
        train: from settings and a folder of verified data to a training that has not begun; or a command.
        source: where the data comes from.
        score: a saved model on the test data of a folder: the independent check that evaluate.py runs; None for none.
        examples: what one of them is called, in the plural.
        model: the name of the model's file.
        runtime: the framework.
        about: what is trained, in a few words.
        check: rules across settings; the second argument is the number of workers. Raises SettingError.
        check_data: whether settings and data go together. Raises SettingError or DataError.
        pace: the settings on which the time of an epoch depends, for estimates.
        plots: (file name, matplotlib figure) of each plot of a run folder and its data beyond the learning curve.
        differences: how two folders of data differ, a line for each aspect.
        verifies: whether it checks each part of the data against the plan when it reads it (`mode.verify=read`).
    """

    settings: type[S]
    metrics: tuple[Metric, ...]
    train: Callable[[S, Path, Job], Steps] | Command
    source: Callable[[], Source]
    score: Callable[[Path, Path], Scores] | None = None
    examples: str = "examples"
    model: str = "model.bin"
    runtime: Runtime = field(default_factory=Runtime)
    about: Callable[[S], str] = lambda settings: ""
    check: Callable[[S, int], object] = _nothing
    check_data: Callable[[S, Path], object] = _nothing
    pace: tuple[str, ...] = ()
    plots: Callable[[Path, Path], Iterable[tuple[str, Any]]] = _nothing
    differences: Callable[[Path, Path], Iterable[str]] = _nothing
    verifies: bool = False

    def describe(self, name: str, settings: S) -> Description:
        """What plan and record say of the program, so that they can be read without it."""
        return Description(self.about(settings) or name, self.metrics, self.examples, self.model)

    def check_workers(self, settings: S, count: int) -> None:
        """Refuse a number of workers that the program cannot train with.

        Raises:
            SettingError: as it says.
        """
        if isinstance(self.train, Command) and count > 1 and not self.train.workers:
            raise SettingError("this program is a command for one worker", legal="mode.instance_count=1")
        self.check(settings, count)


def load(name: str) -> Program[Any]:
    """The program of that name.

    Raises:
        SettingError: there is none, it defines no PROGRAM, or one that cannot be used.
    """
    known = names()
    if name not in known:
        raise SettingError(f"program={name} does not exist", legal=" | ".join(known), command=f"ls {_folder()}")
    with admission.light(name):
        module = importlib.import_module(f"programs.{name}")
    program = getattr(module, "PROGRAM", None)
    if not isinstance(program, Program):
        raise SettingError(f"{admission.path(name)} defines no PROGRAM", legal="PROGRAM = Program(...)")
    admission.check(name, program.settings, program.metrics, program.examples, program.model)
    return program


def scorer(name: str) -> Callable[[Path, Path], Scores]:
    """What scores the saved models of the program of that name.

    Raises:
        SettingError: the program does not exist, or offers none.
    """
    score = load(name).score
    if score is None:
        raise SettingError(f"program={name} cannot score a saved model", legal="a program whose PROGRAM has a `score`")
    return score


def names() -> list[str]:
    """The programs that are there."""
    folders = (path.parent for path in _folder().glob("*/__init__.py"))
    return sorted(path.name for path in folders if NAME.fullmatch(path.name))


def _folder() -> Path:
    return Path(__file__).parents[2] / "programs"
