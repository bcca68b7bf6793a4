"""What DVC tracks of a run: the same bytes each time, whatever the program measures."""

import dataclasses
import json

from harness.contract.record import RunRecord
from harness.finish import publish
from tests.support.plans import DESCRIPTION
from tests.support.records import FOREST, RESULTS, completed, plan_of, stage

METRICS = (
    "epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate,images_per_second,"
    "rows_per_second,seconds,weights\n"
    "1,20,2.3731236934661863,0.16484375,2.5903160100858433,0.169,0.065625,1030.04,7,4.08,b49101c3031396de\n"
)
STABLE = (
    "epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate\n"
    "1,20,2.3731236934661863,0.16484375,2.5903160100858433,0.169,0.065625\n"
)


def published(tmp_path, description, results) -> tuple[dict[str, bytes], RunRecord]:
    planned = plan_of(description)
    record = dataclasses.replace(completed(planned, 1.0), results=results)
    run = stage(tmp_path, planned, record)
    run.metrics.write_text(METRICS)
    run.model(planned).write_bytes(b"the model")
    publish.publish_run(run, record, tmp_path / "out")
    return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}, record


def test_a_classifiers_files_hold_no_times_and_no_speeds(tmp_path):
    files, record = published(tmp_path, DESCRIPTION, RESULTS)
    assert set(files) == {"model.keras", "metrics.json", "learning_curve.csv", "confusion.csv"}
    assert files["learning_curve.csv"].decode() == STABLE
    about = {
        "program": "mine",
        "experiment_id": record.experiment_id,
        "dataset_hash": "15fc0000000000000000000000000000.dir",
        "weights": "w" * 64,
    }
    assert json.loads(files["metrics.json"]) == {**RESULTS.metrics, **about}
    pairs = files["confusion.csv"].decode().splitlines()
    assert pairs[0] == "actual,predicted"
    counts = [pairs.count(pair) for pair in ("cat,cat", "cat,dog", "dog,cat", "dog,dog")]
    assert counts == [30, 20, 30, 20]


def test_a_program_that_classifies_nothing_has_no_confusion_and_its_own_model(tmp_path):
    planned = plan_of(FOREST)
    files, _ = published(tmp_path, FOREST, completed(planned, 12.5).results)
    assert set(files) == {"forest.bin", "metrics.json", "learning_curve.csv"}
    assert json.loads(files["metrics.json"])["test_error"] == 12.5


def test_a_failed_run_publishes_nothing(tmp_path):
    planned = plan_of(FOREST)
    record = dataclasses.replace(completed(planned, 1.0), results=None, weights=None)
    publish.publish_run(stage(tmp_path, planned, record), record, tmp_path / "out")
    assert not (tmp_path / "out").exists()
