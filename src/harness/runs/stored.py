"""The runs of a folder, read back: finished, failed or running. Standard library only."""

import os
from dataclasses import dataclass
from pathlib import Path

from harness.contract import legal, metrics
from harness.contract.errors import NotReady
from harness.contract.metrics import Epoch
from harness.contract.plan import RunPlan
from harness.contract.record import RunRecord
from harness.runs import reading, run_folder
from harness.runs.run_folder import RunFolder

RUNNING = "running"  # the status of a run without a record: it is running, or its program was killed


@dataclass(frozen=True)
class StoredRun:
    """A run as its folder holds it; `record` is None while it is running, and where its program was killed."""

    folder: RunFolder
    plan: RunPlan
    record: RunRecord | None
    epochs: tuple[Epoch, ...]

    @property
    def run_id(self) -> str:
        return self.plan.run_id

    @property
    def status(self) -> str:
        """As the record says."""
        return self.record.status if self.record else RUNNING

    @property
    def model(self) -> Path:
        """The trained model, where there is one."""
        return self.folder.model(self.plan)


def read(run: RunFolder) -> StoredRun:
    """One run.

    Raises:
        NotReady: its files cannot be read by this version.
    """
    try:
        record = run_folder.read_record(run.record) if os.path.lexists(run.record) else None
        return StoredRun(run, run.planned(), record, _epochs(run.metrics))
    except (OSError, ValueError) as error:
        what = f"{legal.spelled(str(run.path))} cannot be read by this version: {legal.spelled(str(error))}"
        raise NotReady(what, legal="a run's folder") from error


def _epochs(path: Path) -> tuple[Epoch, ...]:
    return metrics.parse(reading.content(path, metrics.LARGEST)) if os.path.lexists(path) else ()


def everything(runs: Path) -> tuple[list[StoredRun], list[str]]:
    """All runs of a folder, oldest first, and a line for each one that cannot be read."""
    readable, unreadable = [], []
    for name in run_folder.ids(runs):
        try:
            readable.append(read(RunFolder(runs / name)))
        except NotReady as error:
            unreadable.append(error.what)
    return readable, unreadable


def named(runs: Path, name: str) -> StoredRun:
    """The run of that folder, id or beginning of an id; `last` is the newest one.

    Raises:
        NotReady: there is none, or it is not the only one.
    """
    known = run_folder.ids(runs)
    if name == "last" and (newest := run_folder.last(runs)):
        name = newest
    fits = [each for each in known if name and each.startswith(name)]
    if name in fits or len(fits) == 1:
        return read(RunFolder(runs / (name if name in fits else fits[0])))
    if fits:
        raise NotReady(f"{name} could be {len(fits)} runs: {', '.join(fits[:3])}", legal="an id that is the only one")
    return read(run_folder.named(runs, name))
