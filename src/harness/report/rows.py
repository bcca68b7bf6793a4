"""What a report shows of one run, from its plan, record and curve alone: whatever its program measures."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contract import legal
from harness.contract.errors import HarnessError
from harness.contract.metrics import Metric
from harness.contract.plan import Experiment
from harness.contract.serial import LARGEST, parse, to_json
from harness.evidence import promises
from harness.provenance.credentials import redact
from harness.report.values import DRAWN, Curves, Value, bounded, curves, number, short
from harness.runs import reading, stored
from harness.runs.index import Kind
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun

SETTINGS = 500  # of one run
SPLITS = ("test", "validation", "train")


@dataclass(frozen=True)
class Row:
    """What the page needs of one run.

    `metrics` are those that its program describes, `cells` values by column, `config` the columns that are settings.
    `verdict` is that of a replay: the baseline's id and a word.
    """

    program: str
    metrics: tuple[Metric, ...]
    cells: dict[str, Value]
    config: tuple[str, ...]
    curves: Curves
    dataset: dict[str, Any]
    verdict: tuple[str, str] | None

    @property
    def code(self) -> str:
        """What equal code with equal libraries has in common."""
        return f"{self.cells['code']} {self.cells['lock']}"


def row_of(run: StoredRun) -> Row:
    """One run as a row; a file of its folder that cannot be read counts as absent."""
    plan, record, git = run.plan, run.record, run.plan.provenance.git
    description, data, bill = plan.description, plan.experiment.dataset, record.bill if record else None
    verdict = _verdict(run)
    front: dict[str, Value] = {
        "run": run.run_id,
        "program": plan.experiment.program,
        "about": description.about,
        "status": run.status,
        "reason": redact(record.reason) if record and record.reason else None,
    }
    back: dict[str, Value] = {
        "minutes": _minutes(run),
        "usd": bill.usd if bill else None,
        "epochs_done": len(run.epochs),
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
        "dirty": git.dirty if git else None,
        "code": plan.experiment.code[:12],
        "lock": plan.experiment.lock[:12],
        "replay proven": promises.shown(record or plan, promises.REPLAY),
        "resume proven": promises.shown(record or plan, promises.RESUME),
        "replays": plan.provenance.replays,
        "verdict": verdict[1] if verdict else None,
        "resumed": plan.provenance.resumed,
        "weights": record.weights[:16] if record and record.weights else None,
        "experiment": plan.experiment_id[:8],
        "group": group(plan.experiment),
    }
    own = {*front, *back, "replayed"}
    measured = {name if name not in own else f"measured.{name}": value for name, value in _measured(run).items()}
    own |= measured.keys()
    settings = list(plan.experiment.config.items())[:SETTINGS]
    config = {short(name if name not in own else f"config.{name}"): value for name, value in settings}
    return Row(
        plan.experiment.program,
        description.metrics,
        {name: bounded(value) for name, value in (front | measured | config | back).items()},
        tuple(config),
        curves(run.epochs),
        {"name": data.name, "hash": data.hash, "size": data.size, "sample": data.sample},
        verdict,
    )


def row_of_folder(path: Path) -> Row | str:
    """One run as a row; in words what is wrong with it where it cannot be one, whatever that is."""
    try:
        return row_of(stored.read(RunFolder(path)))
    except HarnessError as error:
        return error.what
    except Exception as error:  # one damaged run hides none of the others
        return f"{path} cannot be read: {type(error).__name__}: {short(str(error))}"


def _packed(row: Row) -> list[Any]:
    metrics = [[each.name, each.better, each.unit, each.share, each.spread] for each in row.metrics]
    names = "\0".join(row.cells)
    return [row.program, metrics, names, list(row.cells.values()), row.config, row.curves, row.dataset, row.verdict]


def _unpacked(value: list[Any]) -> Row:
    program, metrics, names, values, config, curves, dataset, verdict = value
    described = tuple(_metric(*each) for each in metrics)
    cells = dict(zip(_split(names), values, strict=True))
    return Row(program, described, cells, tuple(config), curves, dataset, verdict and tuple(verdict))


# The same for most runs: one object in the place of thousands.
_metric = functools.cache(Metric)
_split = functools.cache(lambda names: names.split("\0"))


def group(experiment: Experiment) -> str:
    """What runs have in common that differ in their seed alone: 8 hexadecimal characters."""
    alike = {**to_json(experiment), "config": {**experiment.config, "seed": None}}
    return hashlib.sha256(json.dumps(alike, sort_keys=True).encode()).hexdigest()[:8]


def _measured(run: StoredRun) -> dict[str, Value]:
    """The numbers of the record, or, until there are some, of the last epoch; those of the described metrics first."""
    values: dict[str, Value] = {
        f"{split}_{metric.name}": None for metric in run.plan.description.metrics for split in SPLITS
    }
    if run.record and run.record.results:
        return values | {name: number(value) for name, value in run.record.results.metrics.items()}
    last = run.epochs[-1] if run.epochs else {}
    return values | {name: number(value) for name, value in last.items() if name.startswith(DRAWN)}


def _verdict(run: StoredRun) -> tuple[str, str] | None:
    """(baseline, verdict) of a replay."""
    try:
        verdict = parse(reading.content(run.folder.verdict, LARGEST))
        original, word = verdict["original"], verdict["verdict"]
        return (original, word) if legal.RUN_ID.test(original) and legal.WORD.test(word) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _minutes(run: StoredRun) -> float | None:
    """Wall time of the training alone, as recorded, or the sum of the epochs so far."""
    if run.record and (whole := number(run.record.seconds.get("train"))) is not None:
        return round(whole / 60, 4)
    seconds = [number(epoch["seconds"]) for epoch in run.epochs if "seconds" in epoch]
    return round(sum(each or 0.0 for each in seconds) / 60, 4) if any(seconds) else None


KIND = Kind(
    "row",
    ("plan.json", "record.json", "metrics.csv", "verdict.json"),
    row_of_folder,
    _packed,
    _unpacked,
    ("contract", "provenance", "runs", "evidence", "report"),
)
