"""What equal trainings must have in common, and what is kept of a proof."""

import dataclasses
from pathlib import Path
from typing import Any

from harness.contract import record
from harness.contract.plan import Experiment, Promise
from harness.evidence import promises, proof, proven
from harness.evidence.proof import Distance, Training
from harness.evidence.proven import Proof
from tests.support.programs import planned

A, B = "a" * 64, "b" * 64
EPOCHS: list[dict[str, Any]] = [
    {"epoch": 1.0, "step": 6.0, "train_loss": 0.5, "points_per_second": 10.0, "seconds": 1.0, "weights": "1111"},
    {"epoch": 2.0, "step": 12.0, "train_loss": 0.4, "points_per_second": 11.0, "seconds": 1.1, "weights": "2222"},
]


def training(epochs: list[dict[str, Any]] = EPOCHS, loss: float = 0.4, **changes: Any) -> Training:
    results = record.Results({"test_error": 1.0, "test_loss": loss}, 200, (), ())
    found = {"status": "completed", "environment": {"fingerprint": A}, "weights": A, "results": results}
    return Training(record.of(planned("tiny"), **found | changes), epochs)


def test_trainings_are_equal_whatever_time_they_took() -> None:
    slower = [{**row, "seconds": 9.0, "points_per_second": 1.0} for row in EPOCHS]
    assert proof.difference(training(), training(slower)) is None
    assert proof.replay(training(), training(slower)) == Promise("replay", "proven", A, "equal in a second process")


def test_the_first_tensor_and_epoch_that_differ_are_named() -> None:
    rows = [EPOCHS[0], {**EPOCHS[1], "weights": "3333"}]
    one, other = training(tensors=(("a", "1"), ("b", "2"))), training(rows, tensors=(("a", "1"), ("b", "3")), weights=B)
    promise = proof.replay(one, other)
    assert promise.status == "broken"
    assert "b differs from epoch 2, step 12 at the latest" in promise.why
    assert "unseeded or nondeterministic" in promise.why


def test_a_number_of_an_epoch_that_a_resume_forgot_breaks_the_promise() -> None:
    rows = [{**EPOCHS[0], "train_loss": 0.3}, EPOCHS[1]]
    replayed = proof.replay(training(), training())
    promise = proof.resume(training(), training(rows), replayed, "SIGKILL at step 4")
    assert promise.status == "broken" and "train_loss differs in epoch 1 (0.5 and 0.3)" in promise.why
    assert "not in state()" in promise.why


def test_test_results_that_differ_break_the_promise() -> None:
    assert "test results" in str(proof.difference(training(), training(loss=0.5)))


def test_weights_that_differ_where_neither_tensor_nor_epoch_tells_break_the_promise() -> None:
    assert proof.difference(training(), training(weights=B)) == "the weights differ at the end"


def test_a_resume_of_what_does_not_replay_is_broken_for_that_reason() -> None:
    rows = [EPOCHS[0], {**EPOCHS[1], "weights": "3333"}]
    replayed = proof.replay(training(), training(rows, weights=B))
    promise = proof.resume(training(), training(rows, weights=B), replayed, "SIGKILL at step 4")
    assert promise.status == replayed.status == "broken"
    assert promise.why.startswith("SIGKILL at step 4: ") and "unseeded or nondeterministic" in promise.why
    assert "not in state()" not in promise.why


def test_a_program_without_checkpoints_offers_no_resume() -> None:
    assert proof.resume(training(), None, proof.replay(training(), training()), "").status == "not offered"


def test_workers_may_differ_by_rounding_alone() -> None:
    near, far = Distance("w", 1e-9, 1e-8), Distance("m", 1e-3, 1e-8)
    assert proof.workers(training().record, 2, [near]).status == "proven"
    broken = proof.workers(training().record, 2, [near, far])
    assert broken.status == "broken" and broken.why.startswith("m differs after step 1")


def test_a_promise_holds_where_it_was_tested() -> None:
    known = [Promise("resume", "proven", A, ""), Promise("resume", "broken", B, "")]
    assert promises.status(known, "resume", A) == "proven"
    assert promises.status(known, "resume", B) == "broken"
    assert promises.status(known, "resume", "c" * 64) == promises.status([], "resume", None) == "unknown"
    assert promises.status(known, "resume", None) == "broken"


def test_a_proof_is_kept_for_the_code_and_lock_that_were_tested(tmp_path: Path) -> None:
    experiment: Experiment = planned("tiny").experiment
    tested = (Promise("replay", "proven", A, "x"), Promise("resume", "broken", A, "y"))
    kept = Proof("tiny", experiment.code, experiment.lock, A, 1, experiment.config, "2026-01-01", tested)
    proven.keep(tmp_path, kept)
    key = ("tiny", experiment.code, experiment.lock)
    assert proven.known(tmp_path, *key, 1) == tested
    assert proven.known(tmp_path, *key, 2) == ()
    assert proven.known(tmp_path, "tiny", B, experiment.lock, 1) == ()
    assert proven.known(tmp_path, "tiny", experiment.code, B, 1) == ()
    proven.keep(tmp_path, dataclasses.replace(kept, promises=tested[:1]))
    assert proven.known(tmp_path, *key, 1) == tested[:1]
    (path,) = (tmp_path / proven.FOLDER).iterdir()
    path.write_text("{")
    assert proven.known(tmp_path, *key, 1) == ()
