import dataclasses
import json

import pytest

from harness.contract import plan, record, serial
from tests.support.plans import DATASET, DESCRIPTION, EXPERIMENT, NOW, PLACEMENT, PLAN, PROVENANCE


def test_a_plan_and_a_record_survive_json():
    results = record.Results({"test_accuracy": 0.5, "test_loss": 1.0}, 10, ("cat", "dog"), ((3, 2), (3, 2)))
    for value in (
        PLAN,
        record.of(PLAN, status="failed", reason="why"),
        record.of(PLAN, status="completed", results=results),
    ):
        assert serial.from_json(type(value), json.loads(serial.dumps(value))) == value


def test_the_run_is_named_by_time_and_experiment():
    assert PLAN.run_id == f"20260102T030405Z-{PLAN.experiment_id[:8]}"


def test_placement_provenance_and_description_do_not_change_the_experiment_id():
    elsewhere = dataclasses.replace(PLACEMENT, runner="container", image="x", threads=8)
    other = plan.make(EXPERIMENT, DESCRIPTION, elsewhere, dataclasses.replace(PROVENANCE, git=None), NOW)
    assert other.experiment_id == PLAN.experiment_id
    described = dataclasses.replace(DESCRIPTION, about="something else", metrics=DESCRIPTION.metrics[::-1])
    assert plan.make(EXPERIMENT, described, PLACEMENT, PROVENANCE, NOW).experiment_id == PLAN.experiment_id


def test_the_deciding_metric_is_the_first_that_the_plan_describes_whatever_it_is_called():
    results = record.Results({"train_accuracy": 0.7, "test_accuracy": 0.5, "test_loss": 1.0}, 10, (), ())
    completed = record.of(PLAN, status="completed", results=results)
    assert [completed.value(split) for split in ("train", "validation", "test")] == [0.7, None, 0.5]
    by_loss = dataclasses.replace(DESCRIPTION, metrics=DESCRIPTION.metrics[::-1])
    assert dataclasses.replace(completed, description=by_loss).value("test") == 1.0
    assert record.of(PLAN, status="failed", reason="why").value("test") is None


@pytest.mark.parametrize(
    "change",
    [
        {"program": "other"},
        {"config": {**EXPERIMENT.config, "epochs": 3}},
        {"config": {**EXPERIMENT.config, "epochs": 2.0}},
        {"dataset": dataclasses.replace(DATASET, hash="other.dir")},
        {"code": "b" * 64},
        {"lock": "b" * 64},
    ],
)
def test_program_config_data_code_and_lock_each_change_the_experiment_id(change):
    assert plan.experiment_id(dataclasses.replace(EXPERIMENT, **change)) != PLAN.experiment_id


def test_the_order_of_settings_does_not_change_the_experiment_id():
    turned = dataclasses.replace(EXPERIMENT, config=dict(reversed(EXPERIMENT.config.items())))
    assert plan.experiment_id(turned) == PLAN.experiment_id


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("run_id",), None, "RunPlan.run_id"),
        (("schema",), "1", "RunPlan.schema"),
        (("experiment", "dataset", "files"), {}, "RunPlan.experiment.dataset.files"),
        (("placement", "surprise"), 1, "RunPlan.placement"),
    ],
)
def test_a_plan_with_a_wrong_field_is_refused_and_the_field_named(path, value, named):
    broken = serial.to_json(PLAN)
    inner = broken
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=named.replace(".", r"\.")):
        serial.from_json(plan.RunPlan, broken)


def test_a_record_has_the_deciding_metric_of_each_split():
    results = record.Results(
        {f"{split}_accuracy": at for at, split in enumerate(("train", "validation", "test"))}, 9, (), ()
    )
    measured = record.of(PLAN, status="completed", results=results)
    assert [measured.value(split) for split in ("train", "validation", "test", "other")] == [0, 1, 2, None]
    assert record.of(PLAN, status="failed").value("test") is None


def test_a_record_is_of_todays_schema_whatever_its_plan_is():
    old = dataclasses.replace(PLAN, schema=1)
    assert record.of(old).schema == plan.SCHEMA and record.of(old).run_id == PLAN.run_id
