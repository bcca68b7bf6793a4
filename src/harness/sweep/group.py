"""The runs of one sweep: which exist already, which one resumes, and the value of each.

A run belongs to the sweep by the name in its provenance and by its experiment's id. Its value is that of the deciding
metric in validation after its last epoch, which knows nothing of the test set.
"""

import contextlib
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import console
from harness.contract import bundle, plan, program, serial
from harness.contract.errors import NotReady, SettingError
from harness.contract.metrics import Metric
from harness.contract.plan import DatasetId
from harness.data import obtain
from harness.evidence import quantity
from harness.finish import conclude
from harness.finish.conclude import Epoch
from harness.launch.signals import SIGNALS
from harness.planning import draft
from harness.runs import checkpoints, locks, output, run_folder, stored
from harness.runs.stored import StoredRun
from harness.settings.command_line import command_name
from harness.settings.project import ROOT
from harness.settings.schema import Config
from harness.settings.sweeps import Job
from harness.sweep import dvc_experiments

FOLDER = "sweeps"  # below the folder of all runs
FINISHED = ("completed", "pruned")
STOPPED = tuple(f"stopped by {word}" for word in SIGNALS.values())
Judge = Callable[[Epoch], None]


@dataclass(frozen=True)
class Common:
    """What all trainings of a sweep share: the program and the metric that decides; data, code and lock, by hash."""

    program: str
    objective: Metric
    dataset: DatasetId
    code: str
    lock: str

    @property
    def measure(self) -> str:
        """The column of metrics.csv that the trainings are compared by."""
        return f"validation_{self.objective.name}"

    def experiment(self, training: Any) -> plan.Experiment:
        """The experiment with these settings of the program."""
        return plan.Experiment(self.program, vars(training), self.dataset, self.code, self.lock)

    def identity(self, training: Any) -> str:
        """The id of the experiment with these settings."""
        return plan.experiment_id(self.experiment(training))


@dataclass(frozen=True)
class Row:
    """One training of a sweep: the words that train it again, its run, and its values of `objective` in validation.

    `curve` has pairs of epoch and value; it is empty where the program reports none.
    """

    words: tuple[str, ...]
    run: str | None
    status: str
    curve: tuple[tuple[int, float], ...]
    reason: str | None
    objective: Metric

    @property
    def value(self) -> float | None:
        """After the last epoch; None where there is none, or it is no number."""
        value = self.curve[-1][1] if self.curve else math.nan
        return value if math.isfinite(value) else None

    @property
    def shown(self) -> str:
        """The value in words."""
        return "-" if self.value is None else quantity.text(self.objective, self.value)

    def __str__(self) -> str:
        if not self.curve:
            return self.status
        return f"{self.status}, validation {self.objective.name} {self.shown} after epoch {self.curve[-1][0]}"


Train = Callable[[Config, str, str | None, Judge], StoredRun]


def common(settings: Config) -> Common:
    """Find program, data and code, as for a run of these settings.

    Raises:
        HarnessError: the data cannot be obtained, the folder of runs cannot be written, or a setting does not do.
    """
    if settings.resume:
        raise SettingError(
            "resume is for one run; a sweep resumes when it is typed again", command=f"{command_name()} -m sweep=NAME …"
        )
    draft.refuse_secrets(settings)
    output.make_writable(ROOT / settings.runs_folder)
    trained = program.load(settings.program)
    data = obtain.obtain(ROOT, settings.data, trained.source(), console.say)
    files = bundle.collect(ROOT, settings.program)
    objective = trained.describe(settings.program, settings.training).objective
    return Common(settings.program, objective, data.dataset, bundle.code_hash(files), bundle.lock_hash(files))


def digest(value: Any) -> str:
    """A sweep's own name: the first 8 hexadecimal characters of the sha256 of what defines it, as canonical JSON."""
    return hashlib.sha256(json.dumps(serial.to_json(value), sort_keys=True).encode()).hexdigest()[:8]


def train(settings: Config, identity: str, unfinished: str | None, judge: Judge) -> StoredRun:
    """Train one run here, from the checkpoints of the run `unfinished` where there is one.

    Raises:
        HarnessError: it cannot begin, or would be another experiment than when the sweep began.
    """
    since = time.monotonic()
    prepared = draft.make(settings, console.say, unfinished)
    if prepared.plan.experiment_id != identity:
        raise NotReady("code, libraries or data have changed since this sweep began", legal="those of its first run")
    started = conclude.start(prepared, settings, since)
    try:
        conclude.conclude(started, judge)
    finally:
        started.held.restore()
    if started.held.received:  # after the training: this run stands, the sweep ends
        raise KeyboardInterrupt
    return stored.read(started.run)


class Group:
    """The runs of the sweep `name`; `total` is how many it should have in the end."""

    def __init__(self, name: str, runs: Path, shared: Common, total: int, begin: Train = train) -> None:
        self.name, self.runs, self.shared, self.total = name, runs, shared, total
        self._begin = begin
        self._seconds: list[float] = []

    @property
    def folder(self) -> Path:
        return self.runs / FOLDER

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock that ends with this program, however that ends.

        Raises:
            NotReady: another program runs this sweep.
        """
        output.make_writable(self.folder)
        refusal = NotReady(f"another program runs the sweep {self.name}", legal="its end, or another sweep=NAME")
        with locks.alone(self.folder / f"{self.name}.lock", refusal):
            yield

    def find(self, job: Job, taken: Sequence[str] = ()) -> StoredRun | None:
        """The newest finished run of this training, else the newest unfinished one, that is not `taken`."""
        identity = self.shared.identity(job.settings.training)
        own = []
        for path in sorted(self.runs.glob(f"*-{identity[:8]}/plan.json")):
            with contextlib.suppress(NotReady):
                run = stored.read(run_folder.RunFolder(path.parent))
                same = (run.plan.experiment_id, run.plan.provenance.sweep) == (identity, self.name)
                own += [run] if same and run.run_id not in taken else []
        finished = [run for run in own if run.status in FINISHED]
        return (finished or own)[-1] if own else None

    def here(self, job: Job, number: int, left: int, run: StoredRun | None, judge: Judge = lambda epoch: None) -> Row:
        """The row of a training: of a finished run, of one that resumes from its checkpoint, or of a new one.

        Raises:
            HarnessError: as `train`.
        """
        if run is not None and run.status in FINISHED:
            row = self.row(job, run)
            console.say(f"exists    run {number} of {self.total}, {row}: {run.run_id}")
            return row
        unfinished = run.run_id if run and has_checkpoint(run) else None
        mean = sum(self._seconds) / len(self._seconds) if self._seconds else 0.0
        time_left = f", {console.duration(mean * left)} left" if mean else ""
        console.say(f"\nrun {number} of {self.total}{time_left}: {' '.join(job.words)}")
        if unfinished:
            console.say(f"resume    from the last checkpoint of {unfinished}")
        started = time.monotonic()
        settings = replace(job.settings, sweep=self.name)
        run = self._begin(settings, self.shared.identity(settings.training), unfinished, judge)
        dvc_experiments.show(ROOT, run)
        self._seconds.append(time.monotonic() - started)
        return self.row(job, run)

    def row(self, job: Job, run: StoredRun | None) -> Row:
        """A training as a row; without a run it was not begun."""
        if run is None:
            return Row(job.words, None, "not run", (), None, self.shared.objective)
        measure, reason = self.shared.measure, run.record.reason if run.record else None
        curve = tuple((int(epoch["epoch"]), float(epoch[measure])) for epoch in run.epochs if measure in epoch)
        return Row(job.words, run.run_id, run.status, curve, reason, self.shared.objective)


def has_checkpoint(run: StoredRun) -> bool:
    """Whether a run can be resumed."""
    return bool(checkpoints.files(run.folder.checkpoints))


def stopped(row: Row) -> bool:
    """Whether somebody asked for an end while it ran."""
    return row.reason in STOPPED
