"""The model that foreign code trained is scored again: what that code counted does not decide, nor does its width."""

import dataclasses

import pytest

from harness.contract import program, serial
from harness.contract.metrics import Metric
from harness.contract.program import Program, Scores
from harness.contract.source import Source
from harness.evidence import baseline, counting
from harness.runs import stored
from tests.support.plans import DESCRIPTION
from tests.support.records import ENVIRONMENT, completed, plan_of, stage


@pytest.fixture
def scored(monkeypatch):
    """What this checkout's program scores a model, by its content."""

    def score(model, data):
        content = model.read_bytes()
        if content == b"damaged":
            raise KeyError("layers\x1b[2J")
        return Scores({"accuracy": float(content)}, (True,) * 50 + (False,) * 50)

    owner = Program(settings=object, metrics=DESCRIPTION.metrics, train=None, score=score, source=Source)  # type: ignore[arg-type]
    monkeypatch.setattr(program, "load", lambda name: owner)
    monkeypatch.setattr(owner.runtime, "configure", lambda threads: None)


def judged(tmp_path, model, claimed, foreign="an archive", here="a processor", description=DESCRIPTION, examples=100):
    planned = plan_of(description)
    original = stage(tmp_path, planned, completed(planned, claimed, examples=examples))
    again = plan_of(DESCRIPTION, minutes=30)
    run = stage(tmp_path, again, None)
    baseline.keep(run, stored.read(original), None, foreign)
    run.model(again).write_bytes(model)
    record = dataclasses.replace(
        completed(again, 0.5, weights="w" * 64 if here == "a processor" else "v" * 64),
        environment={**ENVIRONMENT, "cpu": here},
    )
    run.record.write_text(serial.dumps(record))
    return baseline.judge(run, record, tmp_path)


@pytest.mark.parametrize(
    ("model", "word", "said"),
    [
        (
            b"0.5",
            "identical",
            "counted again by this checkout's program: test accuracy 0.5000 (50 of 100), recorded 50",
        ),
        (b"0.4", "different", "(40 of 100), recorded 50"),
        (b"damaged", "different", r"cannot be scored: KeyError: 'layers\x1b[2J'"),
    ],
)
def test_a_count_that_is_not_borne_out_is_different(tmp_path, scored, model, word, said):
    verdict = judged(tmp_path, model, 0.5)
    assert verdict.verdict == word
    assert verdict.reasons[0] == "counted by code of an archive"
    assert said in verdict.reasons[1]


def test_code_of_this_repository_is_named_and_not_scored_again(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "again", lambda *arguments: pytest.fail("scored"))
    verdict = judged(tmp_path, b"", 0.5, foreign=None)
    assert verdict.reasons[-1].startswith("counted by the run's own code, of commit eeeeeeeeeeee")


def test_the_band_is_not_what_the_baseline_says_of_itself(tmp_path, scored):
    wide = dataclasses.replace(
        DESCRIPTION, metrics=(Metric("accuracy", "higher", share=True, spread=10.0), DESCRIPTION.metrics[1])
    )
    verdict = judged(tmp_path, b"0.5", 1.0, here="another processor", description=wide, examples=1)
    assert (
        verdict.band.width == pytest.approx(3 * 2**0.5 * (0.5 * 0.5 / 100) ** 0.5, rel=1e-6) or verdict.band.width < 0.3
    )
    assert verdict.verdict == "different"


def test_what_has_no_score_is_said_not_to_be_counted_again(tmp_path, monkeypatch):
    owner = Program(settings=object, metrics=DESCRIPTION.metrics, train=None, source=Source)  # type: ignore[arg-type]
    monkeypatch.setattr(program, "load", lambda name: owner)
    verdict = judged(tmp_path, b"0.5", 0.5)
    assert "has no score of its own" in verdict.reasons[1]
