import dataclasses
import json
from datetime import UTC, datetime

import pytest

from harness.contract import plan, record

DATASET = plan.DatasetId("cifar-10", "15fc.dir", 10, False, (plan.FileId("a/b", "0" * 32, 10),))
CONFIG: dict[str, plan.Scalar] = {
    "resnet_size": 8,
    "resnet_version": 1,
    "epochs": 2,
    "learning_rate": 0.1,
    "augment": True,
}
EXPERIMENT = plan.Experiment(CONFIG, DATASET, "c" * 64, "d" * 64)
PLACEMENT = plan.Placement("local", "process", "asked for", 2, 1, "local_cpu", 60.0, None, None)
GIT = plan.Git("e" * 40, "main", None, None, True, "f" * 64)
PROVENANCE = plan.Provenance("2026-01-02T03:04:05+00:00", ("train.py", "mode=local"), GIT, (), None, "a" * 64)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PLAN = plan.make(EXPERIMENT, PLACEMENT, PROVENANCE, NOW)


def test_a_plan_and_a_record_survive_json():
    results = record.Results(1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 5, 10, ((3, 2), (3, 2)), ("cat", "dog"))
    for value in (
        PLAN,
        record.of(PLAN, status="failed", reason="why"),
        record.of(PLAN, status="completed", results=results),
    ):
        assert plan.from_json(type(value), json.loads(plan.dumps(value))) == value


def test_the_run_is_named_by_time_and_experiment():
    assert PLAN.run_id == f"20260102T030405Z-{PLAN.experiment_id[:8]}"


def test_place_and_provenance_do_not_change_the_experiment_id():
    elsewhere = dataclasses.replace(PLACEMENT, runner="container", image="x", threads=8)
    other = plan.make(EXPERIMENT, elsewhere, dataclasses.replace(PROVENANCE, git=None), NOW)
    assert other.experiment_id == PLAN.experiment_id


@pytest.mark.parametrize(
    "change",
    [
        {"config": {**EXPERIMENT.config, "epochs": 3}},
        {"config": {**EXPERIMENT.config, "epochs": 2.0}},
        {"dataset": dataclasses.replace(DATASET, hash="other.dir")},
        {"code": "b" * 64},
        {"lock": "b" * 64},
    ],
)
def test_config_data_code_and_lock_each_change_the_experiment_id(change):
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
    broken = plan.to_json(PLAN)
    inner = broken
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=named.replace(".", r"\.")):
        plan.from_json(plan.RunPlan, broken)
