"""The runs of a folder, read back: finished, failed or running. Standard library only."""

from dataclasses import dataclass
from pathlib import Path

from harness.contract.errors import NotReady
from harness.contract.metrics import Epoch, epochs
from harness.contract.plan import RunPlan
from harness.contract.record import RunRecord
from harness.runs import run_folder
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
        record = run_folder.read_record(run.record) if run.record.exists() else None
        return StoredRun(run, run.planned(), record, epochs(run.metrics))
    except (OSError, ValueError) as error:
        raise NotReady(f"{run.path} cannot be read by this version: {error}", legal="a run's folder") from error


def everything(runs: Path) -> tuple[list[StoredRun], list[str]]:
    """All runs of a folder, oldest first, and a line for each one that cannot be read."""
    readable, unreadable = [], []
    for path in sorted(runs.glob("*/plan.json")):
        try:
            readable.append(read(RunFolder(path.parent)))
        except NotReady as error:
            unreadable.append(error.what)
    return readable, unreadable


def named(runs: Path, name: str) -> StoredRun:
    """The run of that folder, id or beginning of an id; `last` is the newest one.

    Raises:
        NotReady: there is none, or it is not the only one.
    """
    if name == "last":
        paths = sorted(runs.glob("*/plan.json"))[-1:]
    else:
        paths = [] if "/" in name else sorted(runs.glob(f"{name}*/plan.json"))
    exact = [path for path in paths if path.parent.name == name]
    if len(exact or paths) == 1:
        return read(RunFolder((exact or paths)[0].parent))
    if len(paths) > 1:
        names = ", ".join(path.parent.name for path in paths[:3])
        raise NotReady(f"{name} could be {len(paths)} runs: {names}", legal="an id that is the only one")
    return read(run_folder.named(runs, name))
