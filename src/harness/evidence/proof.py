"""Which promises hold for a program, judged by experiment: trainings of one plan that should be equal. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.contract.plan import Promise
from harness.contract.record import RunRecord
from harness.evidence import verdict
from harness.evidence.promises import BROKEN, NOT_OFFERED, PROVEN, REPLAY, RESUME, WORKERS, fingerprint

TIMES = ("seconds", "_per_second")  # how the names of numbers end that differ between equal trainings
CAUSES = {
    REPLAY: "differs already in the second run: unseeded or nondeterministic",
    RESUME: "only after the resume: something that a step reads is not in state()",
    WORKERS: "only with another number of workers: the data order depends on it, or a worker's share is not added up",
}


@dataclass(frozen=True)
class Training:
    """One short training: its record, and the rows of its metrics.csv."""

    record: RunRecord
    epochs: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Distance:
    """How far an array of one checkpoint lies from that of another, and how far rounding may take it.

    `relative` is the norm of their difference over the norm of the first one, `rounding` the square root of what its
    type resolves.
    """

    path: str
    relative: float
    rounding: float


def difference(first: Training, other: Training) -> str | None:
    """The first thing in which two trainings differ that should be equal to the last bit; None for none."""
    epoch = verdict.first_epoch(first.epochs, other.epochs)
    tensor = verdict.first_tensor(first.record, other.record)
    if epoch is not None or tensor is not None:
        where = f"from epoch {epoch}, step {_step(first, epoch)} at the latest" if epoch else "at the end"
        return f"{tensor} differs {where}" if tensor else f"the weights differ {where}"
    if first.record.weights != other.record.weights:
        return "the weights differ at the end"
    rows = {row["epoch"]: row for row in other.epochs}  # nobody heard what a script said after its worker was killed
    for row in first.epochs:
        own = rows.get(row["epoch"], row)
        for name in row:
            if not name.endswith(TIMES) and row[name] != own.get(name):
                values = f"{row[name]} and {own.get(name)}"
                return f"{name} differs in epoch {row['epoch']:g} ({values}), the weights do not"
    if first.record.results != other.record.results:
        return "the test results differ, the weights do not"
    return None


def replay(first: Training, second: Training) -> Promise:
    """Whether a second training in a new process was equal."""
    return _promise(REPLAY, first, difference(first, second), "equal in a second process")


def resume(first: Training, resumed: Training | None, replayed: Promise, how: str) -> Promise:
    """Whether a training that was killed and resumed ended equal.

    Args:
        resumed: None where the program left no checkpoint.
        replayed: the promise of the replay: where that is broken, nothing can be said of this one but that.
        how: where it was killed.
    """
    if resumed is None:
        return Promise(RESUME, NOT_OFFERED, fingerprint(first.record), "it leaves no checkpoint")
    differs = difference(first, resumed)
    if differs and replayed.status == BROKEN:
        return Promise(RESUME, BROKEN, fingerprint(first.record), f"{how}: {differs}; {CAUSES[REPLAY]}")
    return _promise(RESUME, first, differs, f"equal after {how}", how)


def workers(first: RunRecord, count: int, distances: Sequence[Distance]) -> Promise:
    """Whether the first step of one worker and of several differ by rounding alone."""
    name, far = f"with 1 and {count} workers", [each for each in distances if each.relative > each.rounding]
    if far:
        why = f"{far[0].path} differs after step 1 by {far[0].relative:.2g} {name}; {CAUSES[WORKERS]}"
        return Promise(WORKERS, BROKEN, fingerprint(first), why)
    most = max((each.relative for each in distances), default=0.0)
    return Promise(WORKERS, PROVEN, fingerprint(first), f"step 1 {name} differs by {most:.1g}, which is rounding")


def _promise(name: str, first: Training, differs: str | None, equal: str, how: str = "") -> Promise:
    if differs is None:
        return Promise(name, PROVEN, fingerprint(first.record), equal)
    return Promise(name, BROKEN, fingerprint(first.record), f"{how}{how and ': '}{differs}; {CAUSES[name]}")


def _step(training: Training, epoch: int) -> int:
    return int(training.epochs[epoch - 1]["step"])
