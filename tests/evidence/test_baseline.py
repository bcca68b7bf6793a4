"""The baseline that is stored with a replay, the band of stored runs, and the verdict on disk."""

import dataclasses
import json

import pytest

from harness.contract.plan import RunPlan
from harness.contract.record import RunRecord
from harness.evidence import baseline
from harness.runs import stored
from harness.runs.run_folder import RunFolder
from tests.support.records import BIGRAMS, CODE, ENVIRONMENT, FOREST, completed, plan_of, stage


@pytest.fixture
def original(tmp_path):
    planned = plan_of(FOREST)
    return stored.read(stage(tmp_path, planned, completed(planned, 10.0)))


def replayed(tmp_path, original, **changes) -> tuple[RunFolder, RunRecord]:
    planned: RunPlan = plan_of(FOREST, minutes=30)
    run = stage(tmp_path, planned, None)
    baseline.keep(run, original, None)
    return run, dataclasses.replace(completed(planned, 10.0), **changes)


def test_a_replay_is_judged_by_the_copy_when_the_baseline_is_gone(tmp_path, original):
    run, record = replayed(tmp_path, original)
    for path in original.folder.path.rglob("*"):
        path.unlink() if path.is_file() else None
    found = baseline.judge(run, record, run.path)
    assert (found.verdict, found.original) == ("identical", original.run_id)
    assert baseline.read_verdict(run) == found


def test_a_baseline_without_a_record_gives_no_verdict(tmp_path, original):
    run, record = replayed(tmp_path, dataclasses.replace(original, record=None))
    assert baseline.judge(run, record, run.path) is None and not run.verdict.exists()


def test_changed_code_is_named_by_file(tmp_path, original):
    planned = plan_of(FOREST, minutes=30)
    run = stage(tmp_path, planned, None)
    baseline.keep(run, original, {**CODE, "programs/mine/train.sh": b"one\ntwo\n"})
    other = dataclasses.replace(planned.experiment, code="e" * 64)
    found = baseline.judge(
        run, dataclasses.replace(completed(planned, 11.0, weights="v" * 64), experiment=other), run.path
    )
    assert found.reasons[0] == "code: programs/mine/train.sh +0 -2" and found.verdict == "different"


def test_the_band_is_that_of_the_runs_that_differ_in_their_seed_alone(tmp_path):
    for seed, value in enumerate((80.0, 81.0, 82.0, 81.0, 81.0)):
        planned = plan_of(BIGRAMS, minutes=seed, seed=seed)
        run = stored.read(stage(tmp_path, planned, completed(planned, value)))
        others = plan_of(BIGRAMS, program="another", minutes=seed, seed=seed)
        stage(tmp_path, others, completed(others, 1000.0 * seed))
        width = baseline.band(tmp_path, run).width
        assert (width is None) == (seed < 4)
    assert width == pytest.approx(4.2426 * 0.70711, rel=1e-3)


def test_a_run_that_failed_after_it_was_scored_and_one_of_other_settings_widen_no_band(tmp_path):
    for seed in range(5):
        planned = plan_of(BIGRAMS, minutes=seed, seed=seed, size=1)
        run = stored.read(stage(tmp_path, planned, completed(planned, 80.0 + seed % 2)))
    width = baseline.band(tmp_path, run).width
    failed, other = plan_of(BIGRAMS, minutes=8, seed=8, size=1), plan_of(BIGRAMS, minutes=9, seed=9, size=2)
    stage(tmp_path, failed, dataclasses.replace(completed(failed, 500.0), status="failed", reason="altered"))
    stage(tmp_path, other, completed(other, 900.0))
    assert baseline.band(tmp_path, run).width == width == pytest.approx(4.2426 * 0.54772, rel=1e-3)


def test_the_noise_is_between_two_groups_of_seeds_on_the_same_data(tmp_path):
    runs = {}
    for at, (size, seed) in enumerate([(1, 0), (1, 1), (2, 0), (2, 1)]):
        planned = plan_of(BIGRAMS, minutes=at, seed=seed, size=size)
        runs[size, seed] = stored.read(stage(tmp_path, planned, completed(planned, 80.0 + 10 * size + seed)))
    everything = list(runs.values())
    (noise,) = baseline.noise(everything, runs[1, 0], runs[2, 0])
    assert (noise.change, noise.counts, noise.larger) == (10.0, (2, 2), True)
    assert baseline.noise(everything, runs[1, 0], runs[1, 1]) == []
    new = runs[2, 0]
    data = dataclasses.replace(new.plan.experiment.dataset, hash=f"{'1' * 32}.dir")
    experiment = dataclasses.replace(new.plan.experiment, dataset=data)
    elsewhere = dataclasses.replace(new, plan=dataclasses.replace(new.plan, experiment=experiment))
    assert baseline.noise(everything, runs[1, 0], elsewhere) == []


def test_lines_are_counted_as_added_and_removed():
    before, after = {"a": b"one\ntwo\n", "c": b"same\n"}, {"a": b"one\n2\nthree\n", "b": b"x\n", "c": b"same\n"}
    assert list(baseline.differences(before, after)) == ["a +2 -1", "b +1 -0"]


def test_a_verdict_of_schema_1_is_read(tmp_path, original):
    run, record = replayed(tmp_path, original, environment={**ENVIRONMENT, "cpu": "another"}, weights="v" * 64)
    found = baseline.judge(run, record, run.path)
    old = json.loads(run.verdict.read_text())
    old |= {"schema": 1, "accuracy_change": old.pop("change")}
    del old["metric"]
    run.verdict.write_text(json.dumps(old))
    assert baseline.read_verdict(run) == dataclasses.replace(found, metric="accuracy")
