import dataclasses
import json

import pytest
from tests.contract.test_plan import EXPERIMENT, NOW, PLACEMENT, PLAN, PROVENANCE

from harness.contract import plan, record
from harness.evidence import verdict

ENVIRONMENT = {
    "cpu": "a processor",
    "cpu_flags": ["avx", "avx2"],
    "gpus": [],
    "threads": 2,
    "settings": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": None},
    "deterministic": True,
    "tensorflow": "2.21.0",
    "lock": "d" * 64,
}
RESULTS = record.Results(1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 50, 100, ((30, 20), (30, 20)), ("cat", "dog"))
TENSORS = (("conv1/kernel", "aa"), ("norm1/gamma", "bb"), ("dense/kernel", "cc"))
ROWS = [{"epoch": 1.0, "train_loss": 2.0, "weights": "01"}, {"epoch": 2.0, "train_loss": 1.0, "weights": "02"}]
BAND = verdict.Band(0.02, "a test")
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
    return {"results": dataclasses.replace(RESULTS, test_accuracy=value, test_correct=round(100 * value))}


def test_equal_bits_are_identical_wherever_they_came_from():
    found = judge(ORIGINAL)
    assert (found.verdict, found.changed, found.first_epoch, found.first_tensor) == ("identical", (), None, None)
    elsewhere = dataclasses.replace(ORIGINAL, environment={**ENVIRONMENT, "cpu": "another"})
    assert judge(elsewhere).verdict == "identical"
    assert judge(elsewhere).changed == ("cpu",)


def test_other_bits_on_one_fingerprint_are_different_down_to_the_first_epoch_and_tensor():
    rows = [ROWS[0], {**ROWS[1], "train_loss": 1.25, "weights": "ff"}]
    found = judge(dataclasses.replace(ORIGINAL, **TRAINED_APART), rows)
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
    return plan.make(dataclasses.replace(EXPERIMENT, **changes), PLACEMENT, PROVENANCE, NOW)


OTHER_DATA = dataclasses.replace(
    EXPERIMENT.dataset, hash="zz.dir", files=(plan.FileId("a/b", "1" * 32, 10),), name="custom"
)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"config": {**EXPERIMENT.config, "learning_rate": 0.2}}, "learning_rate", "learning_rate: 0.1 -> 0.2"),
        ({"config": {**EXPERIMENT.config, "epochs": 2.0}}, "epochs", "epochs: 2 -> 2.0"),
        ({"dataset": OTHER_DATA}, "dataset", "a/b 00000000 -> 11111111"),
        ({"code": "e" * 64}, "code", "code: harness/step.py +1 -1"),
        ({"lock": "e" * 64}, "lock", "lock: sha256 dddddddd -> eeeeeeee"),
    ],
)
def test_whatever_was_changed_in_the_experiment_is_named_and_nothing_else(changes, field, words):
    found = judge(record.of(changed(**changes), **{**SAME, **TRAINED_APART}), code=("harness/step.py +1 -1",))
    assert (found.verdict, found.changed) == ("different", (field,))
    assert words in found.reasons[0]


def test_other_workers_settings_and_flags_are_named():
    settings = {**ENVIRONMENT["settings"], "TF_ENABLE_ONEDNN_OPTS": "0"}
    other = dataclasses.replace(
        ORIGINAL,
        **TRAINED_APART,
        environment={**ENVIRONMENT, "settings": settings, "cpu_flags": ["avx", "fma"]},
        placement=dataclasses.replace(PLACEMENT, instance_count=2),
    )
    found = judge(other)
    assert found.changed == ("workers", "cpu_flags", "TF_ENABLE_ONEDNN_OPTS")
    assert "cpu_flags: -avx2 +fma" in found.reasons
    assert "TF_ENABLE_ONEDNN_OPTS: 1 -> 0" in found.reasons


def test_a_replay_that_failed_is_different_and_says_why():
    failed = record.of(PLAN, status="failed", reason="out of memory", environment=ENVIRONMENT)
    found = judge(failed, [])
    assert found.verdict == "different"
    assert "the replay: failed, out of memory" in found.reasons


def test_equal_weights_that_count_otherwise_on_one_machine_are_not_called_identical():
    found = judge(dataclasses.replace(ORIGINAL, **accuracy(0.49)))
    assert found.verdict == "different"
    assert "test images right: 50 -> 49" in found.reasons


def test_the_band_rests_on_the_experiments_own_seeds_where_there_are_enough():
    few, enough = verdict.band([0.5, 0.6], None), verdict.band([0.50, 0.51, 0.52, 0.51, 0.51], None)
    assert few.width == pytest.approx(verdict.WIDTH * verdict.SPREAD)
    assert enough.width == pytest.approx(verdict.WIDTH * 0.0070711, rel=1e-4)
    assert "5 seeds" in enough.basis


def test_few_test_images_widen_the_band():
    results = ORIGINAL.results  # 100 test images, half of them right
    assert verdict.band([], results).width == pytest.approx(verdict.WIDTH * 0.05)
    assert "100 test images" in verdict.band([], results).basis
    many = dataclasses.replace(results, test_images=10**6)
    assert verdict.band([], many).width == pytest.approx(verdict.WIDTH * verdict.SPREAD)


def test_a_verdict_survives_json():
    found = judge(ORIGINAL)
    assert plan.from_json(verdict.Verdict, json.loads(plan.dumps(found))) == found
