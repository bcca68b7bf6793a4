"""A saved model's score against what was recorded of it."""

import dataclasses
import json

import pytest

from harness.contract import program, serial
from harness.contract.errors import RunFailed, SettingError
from harness.contract.program import Program, Scores
from harness.contract.source import Source
from harness.evidence import evaluation
from tests.support.plans import DESCRIPTION
from tests.support.records import BIGRAMS, FOREST, RESULTS, completed, plan_of, results_of, stage


def recorded(tmp_path, description, test):
    planned = plan_of(description)
    return evaluation.recorded(stage(tmp_path, planned, completed(planned, test)).path)


def test_a_share_agrees_where_as_many_examples_are_right_and_not_with_one_more(tmp_path):
    expected = recorded(tmp_path, DESCRIPTION, 0.37)
    assert expected.model == tmp_path / plan_of(DESCRIPTION).run_id / "model.keras"
    (same,) = evaluation.check(expected, Scores({"accuracy": 37 / 100 + 1e-9}, [True] * 37 + [False] * 63))
    assert same.agrees and str(same) == "test accuracy 0.3700 (37 of 100), recorded 37"
    (other,) = evaluation.check(expected, Scores({"accuracy": 0.38}, [True] * 38 + [False] * 62))
    assert not other.agrees and "(38 of 100), recorded 37" in str(other)
    many = [True] * 10**6
    (other,) = evaluation.check(expected, Scores({"accuracy": 0.370001}, many))
    assert not other.agrees  # one in a million, and less than a sum may be off


@pytest.mark.parametrize(("description", "value"), [(FOREST, 12.5), (BIGRAMS, 80.0)])
def test_another_metric_agrees_within_the_rounding_of_a_sum(tmp_path, description, value):
    expected, name = recorded(tmp_path, description, value), description.objective.name
    for factor, agrees in ((1 + 2e-6, True), (1 - 2e-6, True), (1.0001, False)):
        (found,) = evaluation.check(expected, Scores({name: value * factor}, ()))
        assert found.agrees == agrees
    assert str(found) == f"test {name} {value * 1.0001:.5g}{' %' if value == 12.5 else ''}, recorded " + (
        "12.5 %" if value == 12.5 else "80"
    )


def test_a_score_of_none_of_the_recorded_metrics_proves_nothing(tmp_path):
    with pytest.raises(RunFailed, match="none of the recorded metrics: error"):
        evaluation.check(recorded(tmp_path, FOREST, 12.5), Scores({"f1": 0.5}, ()))


def test_a_published_folder_is_read_by_its_program(tmp_path, monkeypatch):
    owner = Program(object, DESCRIPTION.metrics, None, Source, model="model.keras")  # type: ignore[arg-type]
    monkeypatch.setattr(program, "load", lambda name: {"mine": owner}[name])
    about = {
        "program": "mine",
        "experiment_id": "e",
        "dataset_hash": "15fc0000000000000000000000000000.dir",
        "weights": "w",
    }
    (tmp_path / "metrics.json").write_text(json.dumps({**RESULTS.metrics, **about}))
    expected = evaluation.recorded(tmp_path)
    assert (expected.model, expected.dataset_hash) == (tmp_path / "model.keras", "15fc0000000000000000000000000000.dir")
    assert expected.values == {"accuracy": 0.5, "loss": 1.6}


def test_a_folder_without_a_record_or_a_model_is_refused(tmp_path):
    with pytest.raises(SettingError, match="holds no record"):
        evaluation.recorded(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(SettingError, match="program"):
        evaluation.recorded(tmp_path)
    planned = plan_of(FOREST)
    failed = dataclasses.replace(completed(planned, 1.0), status="failed", reason="no memory", results=None)
    run = stage(tmp_path / "runs", planned, failed)
    with pytest.raises(RunFailed, match="no memory"):
        evaluation.recorded(run.path)
    assert serial.dumps(results_of(FOREST, 1.0))


def test_a_model_that_is_not_there_or_leads_elsewhere_is_not_scored(tmp_path, monkeypatch):
    scored = []
    monkeypatch.setattr(program, "scorer", lambda name: lambda model, data: scored.append(model))
    expected = recorded(tmp_path, FOREST, 12.5)
    with pytest.raises(RunFailed, match=r"forest\.bin is not there"):
        evaluation.score(expected, tmp_path)
    (tmp_path / "elsewhere").write_bytes(b"x")
    expected.model.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFailed, match=r"forest\.bin is not there"):
        evaluation.score(expected, tmp_path)
    expected.model.unlink()
    expected.model.write_bytes(b"x")
    evaluation.score(expected, tmp_path)
    assert scored == [expected.model]
