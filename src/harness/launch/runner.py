"""What can run a worker, and how a worker ended."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.contract import program
from harness.contract.command import Command
from harness.contract.errors import HarnessError
from harness.contract.plan import RunPlan
from harness.contract.record import Bill
from harness.runs.run_folder import RunFolder

GRACE = 20.0  # seconds from SIGTERM to SIGKILL


def grace(planned: RunPlan) -> float:
    """The seconds that a run's worker has from SIGTERM to SIGKILL: a script in it has some of its own."""
    try:
        train = program.load(planned.experiment.program).train
    except HarnessError:  # it is not there any more
        return GRACE
    return GRACE + (train.grace if isinstance(train, Command) else 0.0)


@dataclass(frozen=True)
class Ended:
    """How the worker ended, and where its outputs lie. `reason` is what only the launcher knows; None: all is well.

    `bill` is SageMaker's. Where nothing ended, because the job goes on without this program, `detached` is true.
    A worker that was stopped because whoever listens had heard enough was `pruned`. `last_words` is the reason that it
    printed, for where it could not leave one.
    """

    exit_code: int
    reason: str | None
    model: Path
    output: Path
    bill: Bill | None = None
    detached: bool = False
    pruned: bool = False
    last_words: str | None = None


class StopEarly(Exception):  # no error
    """Raised by whoever listens to a worker: it need not go on; the message says why."""


class Runner(Protocol):
    """A place that runs one worker.

    `grace` is the time in seconds from `stop` to `stop(at_once=True)`; None where stopping takes its own time. A worker
    that `outlives` this program is not stopped by Ctrl-C or a closed terminal alone: at a terminal it is asked about.
    Where it is `remote`, its start and its finish wait for a network: `stop` ends them.
    """

    grace: float | None
    remote: bool

    @property
    def outlives(self) -> bool:
        """Whether there is a worker now that goes on without this program."""

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Start it; its output comes line by line through the child's stdout."""

    def stop(self, at_once: bool) -> None:
        """Ask the worker to end (SIGTERM), or make it (SIGKILL). Returns without waiting for it.

        Of a worker that outlives this program, `at_once` lets go: it is not waited for any longer.
        """

    def finish(self) -> Ended:
        """Leave nothing behind but the outputs, and say how it ended. What still runs is killed."""
