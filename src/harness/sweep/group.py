"""The runs of one sweep: which are there already, which one goes on, and what each came to.

A run belongs to the sweep by the name in its provenance and by its experiment's id. What it is worth is the validation
accuracy after its last epoch, from metrics.csv, which knows nothing of the test set.
"""

import contextlib
import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import console
from harness.contract import bundle, plan
from harness.contract.errors import NotReady, SettingError
from harness.contract.plan import DatasetId
from harness.data import obtain
from harness.finish import conclude, summary
from harness.finish.conclude import Epoch
from harness.launch.follow import SIGNALS
from harness.planning import draft
from harness.runs import run_folder, stored
from harness.runs.stored import StoredRun
from harness.settings.command_line import command_name
from harness.settings.project import ROOT
from harness.settings.schema import Config
from harness.settings.sweeps import Job
from harness.sweep import dvc_experiments
from programs.cifar10.settings import Training

FOLDER = "sweeps"  # below the folder of all runs
FINISHED = ("completed", "pruned")
STOPPED = tuple(f"stopped by {word}" for word in SIGNALS.values())
Judge = Callable[[Epoch], None]


@dataclass(frozen=True)
class Common:
    """What all trainings of a sweep share: data, code and lock, by hash."""

    dataset: DatasetId
    code: str
    lock: str

    def experiment(self, training: Training) -> plan.Experiment:
        return plan.Experiment(vars(training), self.dataset, self.code, self.lock)

    def identity(self, training: Training) -> str:
        """The id of the experiment with these settings."""
        return plan.experiment_id(self.experiment(training))


@dataclass(frozen=True)
class Row:
    """What one training of a sweep came to: the words that train it again, its run, and the validation accuracies.

    `curve` has pairs of epoch and accuracy.
    """

    words: tuple[str, ...]
    run: str | None
    status: str
    curve: tuple[tuple[int, float], ...]
    reason: str | None

    @property
    def accuracy(self) -> float | None:
        """After the last epoch."""
        return self.curve[-1][1] if self.curve else None

    def __str__(self) -> str:
        if not self.curve:
            return self.status
        return f"{self.status}, validation accuracy {self.accuracy:.4f} after epoch {self.curve[-1][0]}"


Train = Callable[[Config, str, str | None, Judge], StoredRun]


def common(settings: Config) -> Common:
    """Find data and code, as for a run of these settings.

    Raises:
        HarnessError: the data cannot be had, the folder of runs not be written, or a run is to be resumed.
    """
    if settings.resume:
        raise SettingError(
            "resume goes on with one run; a sweep goes on when it is typed again",
            command=f"{command_name()} -m sweep=NAME …",
        )
    run_folder.make_writable(ROOT / settings.runs_folder)
    data, files = obtain.obtain(ROOT, settings.data, console.say), bundle.collect(ROOT)
    return Common(data.dataset, bundle.code_hash(files), bundle.lock_hash(files))


def digest(value: Any) -> str:
    """A sweep's own name: the first 8 hex digits of the sha256 of what defines it, as canonical JSON."""
    return hashlib.sha256(json.dumps(plan.to_json(value), sort_keys=True).encode()).hexdigest()[:8]


def train(settings: Config, identity: str, begun: str | None, judge: Judge) -> StoredRun:
    """One run here, from the states of the run `begun` where there is one.

    Raises:
        HarnessError: it cannot begin, or would be another experiment than when the sweep began.
    """
    started = time.monotonic()
    made = draft.make(settings, console.say, begun)
    if made.plan.experiment_id != identity:
        raise NotReady("code, libraries or data have changed since this sweep began", legal="those of its first run")
    runner = made.prepare()
    run = made.stage()
    summary.announce(made.plan, run)
    target = ROOT / settings.publish if settings.publish else None
    conclude.conclude(runner, run, made.plan, made.data.folder, settings.comet, target, started, judge)
    return stored.read(run)


class Group:
    """The runs of the sweep `name`; `total` is how many it should come to."""

    def __init__(self, name: str, runs: Path, shared: Common, total: int, begin: Train = train) -> None:
        self.name, self.runs, self.shared, self.total = name, runs, shared, total
        self._begin = begin
        self._seconds: list[float] = []

    @property
    def folder(self) -> Path:
        return self.runs / FOLDER

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """A lock that ends with this program, however that ends.

        Raises:
            NotReady: another program runs this sweep.
        """
        path = self.folder / f"{self.name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise NotReady(
                    f"another program runs the sweep {self.name}", legal="its end, or another sweep=NAME"
                ) from error
            yield

    def find(self, job: Job, taken: Sequence[str] = ()) -> StoredRun | None:
        """The newest finished run of this training, else the newest unfinished one, that is not `taken`."""
        identity = self.shared.identity(job.settings.training)
        found = []
        for path in sorted(self.runs.glob(f"*-{identity[:8]}/plan.json")):
            with contextlib.suppress(NotReady):
                found.append(stored.read(run_folder.RunFolder(path.parent)))
        mine = [
            each
            for each in found
            if (each.plan.experiment_id, each.plan.provenance.sweep) == (identity, self.name)
            and each.run_id not in taken
        ]
        finished = [each for each in mine if each.status in FINISHED]
        return (finished or mine)[-1] if mine else None

    def here(self, job: Job, number: int, left: int, past: StoredRun | None, judge: Judge = lambda epoch: None) -> Row:
        """The training as a finished run, one that goes on from its states, or a new one.

        Raises:
            HarnessError: as `train`.
        """
        if past is not None and past.status in FINISHED:
            row = row_of(job, past)
            console.say(f"there     run {number} of {self.total}, {row}: {past.run_id}")
            return row
        begun = past.run_id if past and any(past.folder.checkpoints.glob("step-*.ckpt")) else None
        time_left = ""
        if self._seconds:
            mean = sum(self._seconds) / len(self._seconds)
            time_left = f", {console.duration(mean * left)} left"
        console.say(f"\nrun {number} of {self.total}{time_left}: {' '.join(job.words)}")
        if begun:
            console.say(f"goes on   from the last state of {begun}")
        started = time.monotonic()
        settings = replace(job.settings, sweep=self.name)
        past = self._begin(settings, self.shared.identity(settings.training), begun, judge)
        dvc_experiments.show(ROOT, past)
        self._seconds.append(time.monotonic() - started)
        return row_of(job, past)


def row_of(job: Job, past: StoredRun | None) -> Row:
    """A run as a row; None: it was not begun."""
    if past is None:
        return Row(job.words, None, "not run", (), None)
    curve = tuple((int(each["epoch"]), float(each["validation_accuracy"])) for each in past.epochs)
    return Row(job.words, past.run_id, past.status, curve, past.record.reason if past.record else None)


def stopped(row: Row) -> bool:
    """Whether somebody asked for an end while it ran."""
    return row.reason in STOPPED
