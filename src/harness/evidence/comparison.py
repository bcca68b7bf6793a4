"""Runs side by side, differences first: config, data, code, environment, metrics. Pure, but for the code's files."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.contract import bundle, plan
from harness.evidence.verdict import Band
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
    configs = [run.plan.experiment.config for run in runs]
    yield "config", [_row(name, [each.get(name, "not set") for each in configs]) for name in _names(configs)]
    data = [run.plan.experiment.dataset for run in runs]
    about = [
        {"name": each.name, "hash": each.hash, **{file.path: file.md5[:12] for file in each.files}} for each in data
    ]
    yield "data", [_row(name, [each.get(name, "absent") for each in about]) for name in _names(about)]
    yield "environment", list(_environment(runs))
    found = [_metrics(run) for run in runs]
    yield "metrics", [_row(name, [each.get(name, UNKNOWN) for each in found]) for name in _names(found)]


def code(old: StoredRun, new: StoredRun) -> list[str]:
    """The unified diff of two runs' code, as the bundles in their folders have it."""
    if old.plan.experiment.code == new.plan.experiment.code:
        return []
    try:
        before, after = bundle.received(old.folder.code), bundle.received(new.folder.code)
    except OSError:
        hashes = (old.plan.experiment.code[:12], new.plan.experiment.code[:12])
        return [f"sha256 {hashes[0]} -> {hashes[1]}; one of the two runs kept no copy"]
    lines: list[str] = []
    for name in sorted({*before, *after} - {bundle.LOCK}):
        was, now = (files.get(name, b"").decode(errors="replace").splitlines() for files in (before, after))
        lines += difflib.unified_diff(was, now, f"{old.run_id}/{name}", f"{new.run_id}/{name}", lineterm="")
    return lines


def better(runs: Sequence[StoredRun], band: Band) -> str | None:
    """Which run has the highest test accuracy, and whether that says more than another seed would."""
    records = [run.record for run in runs if run.record]
    found = sorted(((each.results.test_accuracy, each.run_id) for each in records if each.results), reverse=True)
    if len(found) < 2:
        return None
    (best, name), (second, _) = found[:2]
    if len({run.plan.experiment.dataset.hash for run in runs}) > 1:
        return "unknown: the runs saw different data, so their test accuracies do not compare; type: make retrain-check"
    words = "inside the noise of" if best - second <= band.width else "outside the noise of"
    return f"{name} by {best - second:.4f}: {words} ±{band.width:.4f} ({band.basis})"


def _environment(runs: Sequence[StoredRun]) -> Iterator[Row]:
    places = [plan.to_json(run.plan.placement) for run in runs]
    for name in ("mode", "runner", "instance_type", "instance_count", "threads", "image_id"):
        yield _row(name, [each[name] for each in places])
    gits = [run.plan.provenance.git for run in runs]
    yield _row("commit", [git.commit[:12] if git else UNKNOWN for git in gits])
    yield _row("dirty", [git.dirty if git else UNKNOWN for git in gits])
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
        text = (run.folder.code / bundle.LOCK).read_text()
    except OSError:
        return {}
    return dict(re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", text))


def _metrics(run: StoredRun) -> dict[str, Any]:
    found: dict[str, Any] = {"status": run.status}
    if run.epochs:
        last = {name: value for name, value in run.epochs[-1].items() if isinstance(value, float)}
        found |= {name: last[name] for name in last if name.endswith(("loss", "accuracy"))}
    if run.record and run.record.results:
        results = run.record.results
        found |= {"test_accuracy": results.test_accuracy, "test_loss": results.test_loss}
    if run.record:
        found |= {"seconds": round(sum(run.record.seconds.values()), 1)}
        found |= {"weights": (run.record.weights or UNKNOWN)[:16]}
        found |= {"usd": run.record.bill.usd} if run.record.bill else {}
    return found


def _names(found: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in found for name in each))


def _row(name: str, values: Sequence[Any]) -> Row:
    return Row(name, tuple(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values))
