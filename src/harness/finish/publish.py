"""Publish what is the same each time a run is repeated: for DVC, which tracks outputs by their bytes.

Times, names of runs and speeds stay in the run folder.
"""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.contract import atomic, metrics
from harness.contract.errors import NotReady
from harness.contract.plan import DatasetId
from harness.contract.record import Results, RunRecord
from harness.contract.serial import to_json
from harness.runs.run_folder import RunFolder

UNSTABLE = ("seconds", "weights")  # columns of metrics.csv; so is each speed, NAME_per_second


def publish_run(run: RunFolder, record: RunRecord, target: Path) -> None:
    """Leave the model, metrics.json, learning_curve.csv and, of a classifier, confusion.csv of a completed run.

    Raises:
        NotReady: the folder cannot be written.
    """
    if record.results is None or record.weights is None:
        return
    identity = {
        "program": record.experiment.program,
        "experiment_id": record.experiment_id,
        "dataset_hash": record.experiment.dataset.hash,
        "weights": record.weights,
    }
    model = run.model(record)
    _write(target, model.name, model.read_bytes())
    _write(target, "metrics.json", _json({**record.results.metrics, **identity}))
    _write(target, "learning_curve.csv", _learning_curve(run.metrics))
    if record.results.confusion:
        _write(target, "confusion.csv", metrics.table(("actual", "predicted"), _pairs(record.results)))


def publish_dataset(dataset: DatasetId, target: Path) -> None:
    """Leave dataset.json, the data set by content, in `target`."""
    _write(target, "dataset.json", _json(to_json(dataset)))


def publish_evaluation(values: Mapping[str, float], examples: int, agrees: bool, target: Path) -> None:
    """Leave metrics.json of an evaluation in `target`: the test metrics, and whether they are the recorded ones."""
    _write(target, "metrics.json", _json({**values, "test_examples": examples, "agrees": agrees}))


def _write(target: Path, name: str, content: bytes | str) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        atomic.write(target / name, content)
    except OSError as error:
        raise NotReady(f"publish={target} cannot be written: {error.strerror}", legal="a folder of yours") from error


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def _learning_curve(path: Path) -> str:
    """The columns of metrics.csv that are the same each time, as they are written there."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    stable = [at for at, name in enumerate(header) if name not in UNSTABLE and not name.endswith("_per_second")]
    return metrics.table([header[at] for at in stable], [[row[at] for at in stable] for row in rows])


def _pairs(results: Results) -> list[tuple[str, str]]:
    """A row for each test example, ordered by class: the form that DVC's confusion template draws."""
    names = results.classes
    counts = [(i, j, count) for i, row in enumerate(results.confusion) for j, count in enumerate(row)]
    return [(names[i], names[j]) for i, j, count in counts for _ in range(count)]
