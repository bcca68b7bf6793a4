"""The runs that are there: read back from their folders, finished, failed or still going. Standard library only."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from harness import folders
from harness.errors import PreparePlace
from harness.folders import RunFolder
from harness.plan import RunPlan, from_json
from harness.record import RunRecord

Epoch = dict[str, float | str]  # a row of metrics.csv: numbers by name, and the first digits of the weights' digest
UNKNOWN = "going on"  # a run that left no record: it goes on, or its program was killed


@dataclass(frozen=True)
class Past:
    """A run as it lies in its folder; `record` is None while it goes on, and where its program was killed."""

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
        return self.record.status if self.record else UNKNOWN


def read(run: RunFolder) -> Past:
    """One run.

    Raises:
        PreparePlace: its files cannot be read by this version.
    """
    try:
        record = from_json(RunRecord, json.loads(run.record.read_text())) if run.record.exists() else None
        return Past(run, run.planned(), record, epochs(run.metrics))
    except (OSError, ValueError) as error:
        raise PreparePlace(f"{run.path} cannot be read by this version: {error}", legal="a run's folder") from error


def epochs(metrics: Path) -> tuple[Epoch, ...]:
    """The rows of a metrics.csv; none where there is no such file.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    if not metrics.exists():
        return ()
    with metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple({name: value if name == "weights" else float(value) for name, value in row.items()} for row in rows)


def everything(runs: Path) -> tuple[list[Past], list[str]]:
    """All runs of a folder, oldest first, and a line for each one that cannot be read."""
    found, unreadable = [], []
    for path in sorted(runs.glob("*/plan.json")):
        try:
            found.append(read(RunFolder(path.parent)))
        except PreparePlace as error:
            unreadable.append(error.what)
    return found, unreadable


def named(runs: Path, name: str) -> Past:
    """The run of that folder, id or beginning of an id; `last` is the newest one.

    Raises:
        PreparePlace: there is none, or it is not the only one.
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
        raise PreparePlace(f"{name} could be {len(paths)} runs: {names}", legal="an id that is the only one")
    return read(folders.named(runs, name))
