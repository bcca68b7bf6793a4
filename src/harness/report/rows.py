"""Runs as the columns and curves that the report's page reads. Standard library and plain JSON only."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.contract.plan import Experiment, to_json
from harness.evidence.verdict import IDENTICAL
from harness.provenance.credentials import redact
from harness.runs.stored import StoredRun

Value = str | float | bool | None
POINTS = 40_000  # of all curves together, each with its losses and accuracies: about 1.5 MB of JSON
CURVES = ("validation_accuracy", "train_accuracy", "validation_loss", "train_loss")
DIGITS = 5  # significant ones, of what is drawn


@dataclass(frozen=True)
class Kept:
    """What the page needs of one run. `cells` by column; `curves` are the epochs' numbers, by CURVES and "epoch"."""

    cells: dict[str, Value]
    config: tuple[str, ...]
    curves: dict[str, list[float | None]]
    dataset: dict[str, Any]
    verdict: tuple[str, str] | None


def kept(past: StoredRun) -> Kept:
    """The columns of one run; a file of its folder that cannot be read counts as absent."""
    plan, record, git = past.plan, past.record, past.plan.provenance.git
    results, bill = (record.results, record.bill) if record else (None, None)
    config, data = plan.experiment.config, plan.experiment.dataset
    last = past.epochs[-1] if past.epochs else {}
    verdict = _verdict(past)
    cells: dict[str, Value] = {
        "run": past.run_id,
        "status": past.status,
        "reason": redact(record.reason) if record and record.reason else None,
        "accuracy": results.test_accuracy if results else None,
        "validation_accuracy": results.validation_accuracy if results else _number(last.get("validation_accuracy")),
        "train_accuracy": results.train_accuracy if results else _number(last.get("train_accuracy")),
        "test_loss": _number(results.test_loss) if results else None,
        "validation_loss": _number(results.validation_loss) if results else _number(last.get("validation_loss")),
        "train_loss": _number(results.train_loss) if results else _number(last.get("train_loss")),
        "minutes": _minutes(past),
        "usd": bill.usd if bill else None,
        "epochs_done": len(past.epochs),
        **{name: value for name, value in config.items() if name not in RESERVED},
        "sweep": plan.provenance.sweep,
        "created": plan.provenance.created,
        "mode": plan.placement.mode,
        "runner": plan.placement.runner,
        "instance_type": plan.placement.instance_type,
        "instances": plan.placement.instance_count,
        "threads": plan.placement.threads,
        "dataset": data.name,
        "dataset_hash": data.hash[:12],
        "sample": data.sample,
        "commit": git.commit[:12] if git else None,
        "dirty": git.dirty if git else False,
        "replays": plan.provenance.replays,
        "verdict": verdict[1] if verdict else None,
        "resumed": plan.provenance.resumed,
        "weights": record.weights[:16] if record and record.weights else None,
        "experiment": plan.experiment_id[:8],
        "group": group(plan.experiment),
    }
    shown = {"name": data.name, "hash": data.hash, "size": data.size, "sample": data.sample}
    return Kept(cells, tuple(config), _curves(past.epochs), shown, verdict)


RESERVED = {"run", "status", "reason", "accuracy", "group", "experiment", "verdict", "dataset", "sample", "replayed"}


def group(experiment: Experiment) -> str:
    """What runs have in common that differ in their seed alone: 8 hex digits."""
    alike = {**to_json(experiment), "config": {**experiment.config, "seed": None}}
    return hashlib.sha256(json.dumps(alike, sort_keys=True).encode()).hexdigest()[:8]


def _verdict(past: StoredRun) -> tuple[str, str] | None:
    """(original, verdict) of a replay."""
    try:
        found = json.loads(past.folder.verdict.read_text())
        return str(found["original"]), str(found["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _minutes(past: StoredRun) -> float | None:
    """Wall time of the training alone, as recorded, or as the epochs so far tell."""
    if past.record and "train" in past.record.seconds:
        return round(past.record.seconds["train"] / 60, 4)
    told = [_number(row.get("seconds")) for row in past.epochs]
    return round(sum(each or 0.0 for each in told) / 60, 4) if any(told) else None


def _number(value: object) -> float | None:
    """What JSON can say: a loss that ran away is unknown."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _curves(epochs: Sequence[Any]) -> dict[str, list[float | None]]:
    return {name: [_number(row.get(name)) for row in epochs] for name in ("epoch", *CURVES)} if epochs else {}


def table(
    runs: Iterable[Kept], unreadable: Sequence[str], differences: Callable[[str, str], list[str]] | None = None
) -> dict[str, Any]:
    """All that the page shows, ready for `json.dumps`.

    `columns` are {name, kind: number | text | bool, config: bool, values}, `curves` of each run {metric: numbers} or
    null, `versions` the data sets with how many runs each has and the lines that `differences(older, newer)`, by hash,
    says of it and the one before.
    """
    found = list(runs)
    replayed = {each.verdict[0] for each in found if each.verdict and each.verdict[1] == IDENTICAL}
    names = list(dict.fromkeys(name for each in found for name in each.cells))
    settings = {name for each in found for name in each.config}
    columns = [_column(name, [each.cells.get(name) for each in found], name in settings) for name in names]
    columns.append(_column("replayed", [each.cells["run"] in replayed for each in found], False))
    most = max(4, POINTS // max(1, sum(bool(each.curves) for each in found)))
    return {
        "columns": columns,
        "curves": [_thinned(each.curves, most) for each in found],
        "metrics": list(CURVES),
        "unreadable": [redact(line) for line in unreadable],
        "versions": _versions(found, differences),
    }


def _column(name: str, values: list[Value], config: bool) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        kind = "bool"
    elif known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        kind = "number"
    else:
        kind, values = "text", [value if value is None else str(value) for value in values]
    return {"name": name, "kind": kind, "config": config, "values": values}


def _thinned(curves: dict[str, list[float | None]], most: int) -> dict[str, list[float | None]] | None:
    """At most that many points: evenly spread, first and last among them."""
    if not curves:
        return None
    count = len(curves["epoch"])
    kept = range(count) if count <= most else sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})
    return {name: [_short(values[at]) for at in kept] for name, values in curves.items() if any(_known(values))}


def _known(values: Iterable[float | None]) -> Iterable[bool]:
    return (value is not None for value in values)


def _short(value: float | None) -> float | None:
    if value is None:
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() else short


def _versions(found: Sequence[Kept], differences: Callable[[str, str], list[str]] | None) -> list[dict[str, Any]]:
    """Data sets in the order in which runs first used them."""
    versions: dict[str, dict[str, Any]] = {}
    for each in sorted(found, key=lambda one: str(one.cells["created"])):
        version = versions.setdefault(each.dataset["hash"], {**each.dataset, "runs": 0, "lines": []})
        version["runs"] += 1
        version.setdefault("first", each.cells["created"])
    real = [version for version in versions.values() if not version["sample"]]
    for older, newer in itertools.pairwise(real):
        newer["lines"] = differences(older["hash"], newer["hash"]) if differences else []
    return list(versions.values())
