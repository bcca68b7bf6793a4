import dataclasses
import json

import pytest
from tests.support.records import (  # noqa: F401  # other tests take some of them from here
    CONFIG,
    DATASET,
    DESCRIPTION,
    EXPERIMENT,
    GIT,
    NOW,
    PLACEMENT,
    PLAN,
    PROVENANCE,
    RESULTS,
)

from harness.contract import plan, record


def test_a_plan_and_a_record_survive_json():
    for value in (
        PLAN,
        record.of(PLAN, status="failed", reason="why"),
        record.of(PLAN, status="completed", results=RESULTS),
    ):
        assert plan.from_json(type(value), json.loads(plan.dumps(value))) == value


def test_the_run_is_named_by_time_and_experiment():
    assert PLAN.run_id == f"20260102T030405Z-{PLAN.experiment_id[:8]}"


def test_place_and_provenance_do_not_change_the_experiment_id():
    elsewhere = dataclasses.replace(PLACEMENT, runner="container", image="x", threads=8)
    other = plan.make(EXPERIMENT, DESCRIPTION, elsewhere, dataclasses.replace(PROVENANCE, git=None), NOW)
    assert other.experiment_id == PLAN.experiment_id


@pytest.mark.parametrize(
    "change",
    [
        {"program": "another"},
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
    broken = plan.to_json(PLAN)
    inner = broken
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=named.replace(".", r"\.")):
        plan.from_json(plan.RunPlan, broken)
