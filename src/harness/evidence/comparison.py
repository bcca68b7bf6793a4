"""Runs side by side: config, data, code, environment, metrics. Reads nothing but the runs' own copies of their code."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.contract import bundle, legal, serial
from harness.evidence import promises, quantity
from harness.evidence.band import Band
from harness.runs import reading
from harness.runs.stored import StoredRun

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """One field of all runs, in their order."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


def sections(runs: Sequence[StoredRun]) -> Iterator[tuple[str, list[Row]]]:
    """Title and rows of each section; code has none, see `code`."""
    configs = [{"program": run.plan.experiment.program, **run.plan.experiment.config} for run in runs]
    yield "config", [_row(name, [each.get(name, "not set") for each in configs]) for name in _names(configs)]
    data = [run.plan.experiment.dataset for run in runs]
    about = [
        {"name": each.name, "hash": each.hash, **{file.path: file.md5[:12] for file in each.files}} for each in data
    ]
    yield "data", [_row(name, [each.get(name, "absent") for each in about]) for name in _names(about)]
    yield "environment", list(_environment(runs))
    outcomes = [_outcome(run) for run in runs]
    yield "metrics", [_row(name, [each.get(name, UNKNOWN) for each in outcomes]) for name in _names(outcomes)]


def code(old: StoredRun, new: StoredRun) -> list[str]:
    """The unified diff of two runs' code, as the bundles in their folders have it."""
    if old.plan.experiment.code == new.plan.experiment.code:
        return []
    try:
        before, after = reading.code(old.folder.code), reading.code(new.folder.code)
    except (OSError, ValueError):
        hashes = (old.plan.experiment.code[:12], new.plan.experiment.code[:12])
        return [f"sha256 {hashes[0]} -> {hashes[1]}; one of the two runs kept no copy"]
    lines: list[str] = []
    for name in sorted({*before, *after} - {bundle.LOCK}):
        was, now = (files.get(name, b"").decode(errors="replace").splitlines() for files in (before, after))
        lines += difflib.unified_diff(was, now, f"{old.run_id}/{name}", f"{new.run_id}/{name}", lineterm="")
    return [legal.spelled(line) for line in lines]


def better(runs: Sequence[StoredRun], band: Band) -> str | None:
    """Which run is best by the metric that decides, and whether that says more than another seed would."""
    values = [(run.record.value("test"), run) for run in runs if run.record]
    ranked = [(value, run) for value, run in values if value is not None]
    if len(ranked) < 2:
        return None
    metric = ranked[0][1].plan.description.objective
    if len({(each.name, each.better) for each in (run.plan.description.objective for _, run in ranked)}) > 1:
        return "unknown: the runs are decided by different metrics"
    if len({run.plan.experiment.dataset.hash for run in runs}) > 1:
        reason = f"the runs saw different data, so their test {metric.name} does not compare"
        return f"unknown: {reason}; type: make retrain-check"
    ranked.sort(key=lambda each: (metric.gain(0.0, each[0]), each[1].run_id), reverse=True)
    (best, run), (second, _) = ranked[:2]
    gain = metric.gain(second, best)
    start = f"{run.run_id} by {quantity.text(metric, gain)}: "
    if band.width is None:
        return start + band.basis
    words = "inside the noise of" if band.holds(gain) else "outside the noise of"
    return f"{start}{words} ±{quantity.text(metric, band.width)} ({band.basis})"


def _environment(runs: Sequence[StoredRun]) -> Iterator[Row]:
    placements = [serial.to_json(run.plan.placement) for run in runs]
    for name in ("mode", "runner", "instance_type", "instance_count", "threads", "image_id"):
        yield _row(name, [each[name] for each in placements])
    gits = [run.plan.provenance.git for run in runs]
    yield _row("commit", [git.commit[:12] if git else UNKNOWN for git in gits])
    yield _row("dirty", [git.dirty if git else UNKNOWN for git in gits])
    for name in (promises.REPLAY, promises.RESUME):
        yield _row(f"{name} proven", [promises.shown(run.record or run.plan, name) for run in runs])
    flat = [dict(_flat(run.record.environment if run.record else None)) for run in runs]
    for name in _names(flat):
        if name not in ("lock", "threads"):
            yield _row(name, [each.get(name, UNKNOWN) for each in flat])
    yield _row("lock", [run.plan.experiment.lock[:12] for run in runs])
    if len({run.plan.experiment.lock for run in runs}) > 1:
        pins = [_pins(run) for run in runs]
        for name in _names(pins):
            row = _row(name, [each.get(name, "absent") for each in pins])
            if row.differs:
                yield row


def _flat(environment: dict[str, Any] | None) -> Iterator[tuple[str, Any]]:
    for name, value in (environment or {}).items():
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield name, " ".join(map(str, value)) if isinstance(value, list) else value


def _pins(run: StoredRun) -> dict[str, str]:
    """The libraries of the run's lock."""
    try:
        return pins(reading.content(run.folder.code / bundle.LOCK, reading.LARGEST_CODE))
    except (OSError, ValueError):
        return {}


def pins(lock: bytes) -> dict[str, str]:
    """The versions of a lock's libraries, by name."""
    return dict(re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", lock.decode(errors="replace")))


def _outcome(run: StoredRun) -> dict[str, Any]:
    row: dict[str, Any] = {"status": run.status}
    if run.epochs:
        last = run.epochs[-1]
        row |= {name: last[name] for name in last if name.startswith(("train_", "validation_"))}
    if run.record and run.record.results:
        row |= run.record.results.metrics
    if run.record:
        row |= {"seconds": round(sum(run.record.seconds.values()), 1)}
        row |= {"weights": (run.record.weights or UNKNOWN)[:16]}
        row |= {"usd": run.record.bill.usd} if run.record.bill else {}
    return row


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in rows for name in each))


def _row(name: str, values: Sequence[Any]) -> Row:
    return Row(name, tuple(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values))
