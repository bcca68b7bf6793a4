import dataclasses
import json

import pytest

from harness.contract import plan, record, serial
from harness.evidence import band, verdict
from tests.support.plans import DESCRIPTION, EXPERIMENT, NOW, PLACEMENT, PLAN, PROVENANCE
from tests.support.records import BIGRAMS, ENVIRONMENT, FOREST, RESULTS, completed, plan_of

TENSORS = (("conv1/kernel", "aa"), ("norm1/gamma", "bb"), ("dense/kernel", "cc"))
ROWS = [{"epoch": 1.0, "train_loss": 2.0, "weights": "01"}, {"epoch": 2.0, "train_loss": 1.0, "weights": "02"}]
BAND = band.Band(0.02, "a test")
SAME = {
    "status": "completed",
    "environment": ENVIRONMENT,
    "results": RESULTS,
    "weights": "w" * 64,
    "tensors": TENSORS,
}
ORIGINAL = record.of(PLAN, **SAME)
TRAINED_APART = {"weights": "v" * 64, "tensors": (TENSORS[0], ("norm1/gamma", "xx"), ("dense/kernel", "yy"))}


def judge(replay, rows=ROWS, code=()):
    return verdict.judge(ORIGINAL, replay, (ROWS, rows), code, BAND)


def accuracy(value):
    return {"results": dataclasses.replace(RESULTS, metrics={**RESULTS.metrics, "test_accuracy": value})}


def test_equal_bits_are_identical_wherever_they_came_from():
    found = judge(ORIGINAL)
    assert (found.verdict, found.changed, found.first_epoch, found.first_tensor) == ("identical", (), None, None)
    elsewhere = dataclasses.replace(ORIGINAL, environment={**ENVIRONMENT, "cpu": "another"})
    assert judge(elsewhere).verdict == "identical"
    assert judge(elsewhere).changed == ("cpu",)


def proven(run, status="proven", fingerprint=None):
    """The same with what a test of the replay came to, on its own fingerprint or another."""
    environment = {**run.environment, "fingerprint": "8" * 64}
    promise = plan.Promise("replay", status, fingerprint or "8" * 64, "")
    provenance = dataclasses.replace(run.provenance, promises=(promise,))
    return dataclasses.replace(run, environment=environment, provenance=provenance)


@pytest.mark.parametrize(("value", "word"), [(0.515, "equivalent"), (0.53, "different")])
@pytest.mark.parametrize("status", [None, "broken", "elsewhere"])
def test_without_a_proof_on_the_fingerprint_other_bits_are_equivalent_at_best(value, word, status):
    replay = dataclasses.replace(ORIGINAL, **TRAINED_APART, **accuracy(value))
    if status:
        replay = proven(replay, "broken") if status == "broken" else proven(replay, fingerprint="9" * 64)
    found = judge(replay)
    assert found.verdict == word
    assert any("python src/prove.py program=" in reason and "equivalent at best" in reason for reason in found.reasons)
    assert not any("should have been equal" in reason for reason in found.reasons)


def test_other_bits_on_one_fingerprint_are_different_down_to_the_first_epoch_and_tensor():
    rows = [ROWS[0], {**ROWS[1], "train_loss": 1.25, "weights": "ff"}]
    found = judge(proven(dataclasses.replace(ORIGINAL, **TRAINED_APART)), rows)
    assert (found.verdict, found.first_epoch, found.first_tensor) == ("different", 2, "norm1/gamma")
    said = "\n".join(found.reasons)
    assert "first epoch that differs: 2 (train_loss 1.0 -> 1.25)" in said
    assert "first tensor that differs: norm1/gamma (1 of 3 are equal)" in said
    assert "its bits should have been equal" in said


@pytest.mark.parametrize(("value", "word"), [(0.515, "equivalent"), (0.485, "equivalent"), (0.53, "different")])
def test_across_fingerprints_the_band_decides(value, word):
    other = {"environment": {**ENVIRONMENT, "threads": 1}, **TRAINED_APART, **accuracy(value)}
    found = judge(dataclasses.replace(ORIGINAL, **other))
    assert (found.verdict, found.changed) == (word, ("threads",))
    assert "threads: 2 -> 1" in found.reasons
    assert ("within" if word == "equivalent" else "outside") + " the band of ±0.0200: a test" in found.reasons


def changed(**changes):
    return plan.make(dataclasses.replace(EXPERIMENT, **changes), DESCRIPTION, PLACEMENT, PROVENANCE, NOW)


OTHER_DATA = dataclasses.replace(
    EXPERIMENT.dataset, hash=f"{'2' * 32}.dir", files=(plan.FileId("a/b", "1" * 32, 10),), name="custom"
)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"config": {**EXPERIMENT.config, "learning_rate": 0.2}}, "learning_rate", "learning_rate: 0.1 -> 0.2"),
        ({"config": {**EXPERIMENT.config, "epochs": 2.0}}, "epochs", "epochs: 2 -> 2.0"),
        ({"dataset": OTHER_DATA}, "dataset", "a/b 00000000 -> 11111111"),
        ({"code": "e" * 64}, "code", "code: harness/step.py +1 -1"),
        ({"program": "another"}, "program", "program: cifar10 -> another"),
        ({"lock": "e" * 64}, "lock", "lock: sha256 dddddddd -> eeeeeeee"),
    ],
)
def test_whatever_was_changed_in_the_experiment_is_named_and_nothing_else(changes, field, words):
    found = judge(record.of(changed(**changes), **{**SAME, **TRAINED_APART}), code=("harness/step.py +1 -1",))
    assert (found.verdict, found.changed) == ("different", (field,))
    assert words in found.reasons[0]


def test_other_workers_settings_and_flags_are_named():
    settings = {**ENVIRONMENT["settings"], "KERNELS": "exact"}
    other = dataclasses.replace(
        ORIGINAL,
        **TRAINED_APART,
        environment={**ENVIRONMENT, "settings": settings, "cpu_flags": ["avx", "fma"]},
        placement=dataclasses.replace(PLACEMENT, instance_count=2),
    )
    found = judge(other)
    assert found.changed == ("workers", "cpu_flags", "KERNELS")
    assert "cpu_flags: -avx2 +fma" in found.reasons
    assert "KERNELS: fast -> exact" in found.reasons


def test_a_replay_that_failed_is_different_and_says_why():
    failed = record.of(PLAN, status="failed", reason="out of memory", environment=ENVIRONMENT)
    found = judge(failed, [])
    assert found.verdict == "different"
    assert "the replay: failed, out of memory" in found.reasons


def test_equal_weights_that_count_otherwise_on_one_machine_are_not_called_identical():
    found = judge(dataclasses.replace(ORIGINAL, **accuracy(0.49)))
    assert found.verdict == "different"
    assert "test accuracy: 0.5000 -> 0.4900 (-0.0100)" in found.reasons


def apart(description, before, after, allowed):
    """The verdict on a replay by other bits on another machine."""
    planned = plan_of(description)
    again = completed(planned, after, weights="v" * 64)
    elsewhere = dataclasses.replace(again, environment={**ENVIRONMENT, "cpu": "another"})
    return verdict.judge(completed(planned, before), elsewhere, ((), ()), (), allowed)


@pytest.mark.parametrize(("after", "word"), [(10.5, "equivalent"), (13.0, "different"), (7.0, "different")])
def test_an_error_rate_in_percent_is_judged_by_its_own_spread_whether_it_rose_or_fell(after, word):
    found = apart(FOREST, 10.0, after, band.estimate([], FOREST, None))
    assert (found.verdict, found.metric, found.change) == (word, "error", pytest.approx(after - 10))
    assert f"test error: 10 % -> {after:g} % ({after - 10:+g} %; lower is better)" in found.reasons
    side = "within" if word == "equivalent" else "outside"
    assert f"{side} the band of ±2.1213 %: a standard deviation over seeds of 0.5, as measured" in found.reasons


def test_without_a_spread_nothing_but_equal_bits_is_the_same():
    allowed = band.estimate([], BIGRAMS, None)
    found = apart(BIGRAMS, 80.0, 80.001, allowed)
    assert (found.verdict, found.band.width) == ("different", None)
    assert "no spread is known for perplexity: 5 seeds would tell" in found.reasons
    same = completed(plan_of(BIGRAMS), 80.0)
    assert verdict.judge(same, same, ((), ()), (), allowed).verdict == "identical"


def test_a_replay_that_does_not_measure_what_decides_is_different():
    old, new = completed(plan_of(FOREST), 10.0), completed(plan_of(BIGRAMS), 80.0, weights="v" * 64)
    found = verdict.judge(old, new, ((), ()), (), BAND)
    assert (found.verdict, found.change) == ("different", None)


@pytest.mark.parametrize("found", [judge(ORIGINAL), apart(BIGRAMS, 80.0, 81.0, band.Band(None, "none"))])
def test_a_verdict_survives_json(found):
    assert serial.from_json(verdict.Verdict, json.loads(serial.dumps(found))) == found


def test_runs_without_weights_are_not_equal_for_that():
    none = {"weights": None, "tensors": (), "results": None, "status": "failed", "reason": "no memory"}
    failed = dataclasses.replace(ORIGINAL, **none)
    found = verdict.judge(failed, failed, (ROWS, ROWS), (), BAND)
    assert found.verdict == "different" and not any("equal to the last bit" in reason for reason in found.reasons)


@pytest.mark.parametrize(("value", "word"), [(0.3, "different"), (0.485, "equivalent"), (0.515, "equivalent")])
def test_elsewhere_a_far_worse_replay_is_as_different_as_a_far_better_one(value, word):
    environment = {**ENVIRONMENT, "cpu": "another"}
    elsewhere = dataclasses.replace(ORIGINAL, **TRAINED_APART, **accuracy(value), environment=environment)
    assert judge(elsewhere).verdict == word
    other = dataclasses.replace(EXPERIMENT, config={**EXPERIMENT.config, "learning_rate": 0.2})
    assert judge(dataclasses.replace(elsewhere, experiment=other)).verdict == "different"
