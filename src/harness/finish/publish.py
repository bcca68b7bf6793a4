"""The part of a run that is the same each time it is run: for DVC, which tracks outputs by their bytes.

Times, names of runs and speeds stay in the run folder.
"""

import csv
import io
import json
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.contract.errors import NotReady
from harness.contract.plan import DatasetId, to_json
from harness.contract.record import Results, RunRecord
from harness.runs.run_folder import RunFolder

STABLE = ("epoch", "step", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate")


def publish_run(run: RunFolder, record: RunRecord, target: Path) -> None:
    """Leave model.keras, metrics.json, learning_curve.csv and confusion.csv of a completed run in `target`.

    Raises:
        NotReady: the folder cannot be written.
    """
    if record.results is None or record.weights is None:
        return
    metrics = {
        name: getattr(record.results, name)
        for name in (
            "train_accuracy",
            "validation_accuracy",
            "validation_loss",
            "test_accuracy",
            "test_loss",
            "test_correct",
        )
    }
    about = {
        "experiment_id": record.experiment_id,
        "dataset_hash": record.experiment.dataset.hash,
        "weights": record.weights,
    }
    with run.metrics.open(newline="") as file:
        epochs = list(csv.DictReader(file))
    _write(target, "model.keras", run.model.read_bytes())
    _write(target, "metrics.json", _json({**metrics, **about}))
    _write(target, "learning_curve.csv", _csv(STABLE, [[epoch[name] for name in STABLE] for epoch in epochs]))
    _write(target, "confusion.csv", _csv(("actual", "predicted"), _pairs(record.results)))


def publish_dataset(dataset: DatasetId, target: Path) -> None:
    """Leave dataset.json, the data set by content, in `target`."""
    _write(target, "dataset.json", _json(to_json(dataset)))


def publish_evaluation(correct: int, images: int, agrees: bool, target: Path) -> None:
    """Leave metrics.json of an evaluation in `target`."""
    found = {"test_accuracy": correct / images, "test_correct": correct, "test_images": images, "agrees": agrees}
    _write(target, "metrics.json", _json(found))


def _write(target: Path, name: str, content: bytes | str) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        atomic.write(target / name, content)
    except OSError as error:
        raise NotReady(f"publish={target} cannot be written: {error.strerror}", legal="a folder of yours") from error


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def _pairs(results: Results) -> list[list[str]]:
    """A row for each test image, ordered by class: the form that DVC's confusion template draws."""
    names = results.class_names
    counts = [(i, j, count) for i, row in enumerate(results.confusion) for j, count in enumerate(row)]
    return [[names[i], names[j]] for i, j, count in counts for _ in range(count)]


def _csv(header: tuple[str, ...], rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
