"""Claims about classes: of two models, of one experiment's seeds, and corrected for being several."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.evidence import judging
from harness.evidence.classes import Classes
from harness.evidence.judging import Bands
from harness.runs import stored
from harness.runs.stored import StoredRun
from tests.support.plans import DESCRIPTION
from tests.support.records import RESULTS, completed, plan_of, stage

EACH = 200  # examples of a class


def right(*counts: int) -> list[bool]:
    """What a model gets right, whose classes have so many right examples."""
    return [at < count for count in counts for at in range(EACH)]


KNOWN = Classes(("cat", "dog"), tuple(label for label in (0, 1) for _ in range(EACH)))


def leave(runs: Path, minutes: int, cats: int, dogs: int, **config: Any) -> StoredRun:
    """A run whose confusion has so many cats and dogs right."""
    planned = plan_of(DESCRIPTION, minutes=minutes, **config)
    confusion = ((cats, EACH - cats), (EACH - dogs, dogs))
    metrics = {**RESULTS.metrics, "test_accuracy": (cats + dogs) / (2 * EACH)}
    results = dataclasses.replace(RESULTS, metrics=metrics, examples=2 * EACH, confusion=confusion)
    return stored.read(stage(runs, planned, dataclasses.replace(completed(planned, 0.5), results=results)))


def bands(runs: Path, old: StoredRun, new: StoredRun) -> Bands:
    return Bands(runs, stored.everything(runs)[0], old, new)


def test_of_two_models_a_class_is_said_to_be_worse_in_these_and_nothing_is_claimed_of_others(tmp_path: Path) -> None:
    old, new = leave(tmp_path, 0, 160, 100), leave(tmp_path, 1, 100, 160, rate=2)
    judged = judging.judge([right(160, 100)], [right(100, 160)], KNOWN, bands(tmp_path, old, new))
    assert judged.whole.word == "inside the noise"
    assert {name: claim.word for name, claim in judged.classes.items()} == {
        "cat": "worse, of these two",
        "dog": "better, of these two",
    }
    assert "5 seeds would tell" in judged.classes["cat"].why and judged.classes["cat"].needed is None


@pytest.mark.parametrize("whose", ["old", "new"])
@pytest.mark.parametrize(("spread", "word"), [(2, "worse"), (30, "inside the noise")])
def test_five_seeds_of_either_experiment_say_what_another_seed_changes_of_a_class(
    tmp_path: Path, whose: str, spread: int, word: str
) -> None:
    old, new = leave(tmp_path, 0, 160, 160), leave(tmp_path, 1, 100, 160, rate=2)
    for seed in range(1, 6):
        cats = (160 if whose == "old" else 100) + (spread if seed % 2 else -spread)
        leave(tmp_path, seed + 1, cats, 160, seed=seed, **({} if whose == "old" else {"rate": 2}))
    found = bands(tmp_path, old, new)
    claim = judging.judge([right(160, 160)], [right(100, 160)], KNOWN, found).classes["cat"]
    assert claim.word == word and "6 seeds" in claim.why


def test_seeds_alone_make_a_class_worse_as_rarely_as_is_said(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    many = Classes(tuple("abcdefghij"), tuple(label for label in range(10) for _ in range(EACH)))
    old, new = leave(tmp_path, 0, 100, 100), leave(tmp_path, 1, 100, 100, rate=2)
    allowed, alarms = bands(tmp_path, old, new), 0
    for _ in range(100):
        # of each class another share with each seed, far beyond what counting 200 examples changes
        shares = np.clip(np.round(100 + 20 * chance.normal(size=(6, 10))), 0, EACH).astype(int)
        models = [right(*map(int, row)) for row in shares]
        claims = judging.judge(models[:3], models[3:], many, allowed).classes.values()
        alarms += any(claim.settled for claim in claims)
    assert alarms <= 11  # 5 of 100, and three standard deviations


def test_the_band_of_a_class_is_students_for_so_many_seeds_and_classes(tmp_path: Path) -> None:
    old, new = leave(tmp_path, 0, 160, 160), leave(tmp_path, 1, 100, 160, rate=2)
    cats = [160, 150, 170, 155, 165]
    for seed, count in enumerate(cats[1:], 1):
        leave(tmp_path, seed + 1, count, 160, seed=seed)
    found = bands(tmp_path, old, new).of_class(0, 10)
    spread = np.std([count / EACH for count in cats], ddof=1)
    assert found.width == pytest.approx(stats.t.ppf(1 - 0.05 / 20, 4) * np.sqrt(2) * spread, rel=1e-5)


def test_one_of_many_classes_needs_more_than_one_alone(tmp_path: Path) -> None:
    old, new = leave(tmp_path, 0, 100, 100), leave(tmp_path, 1, 108, 100, rate=2)
    alone = judging.judge([right(100)], [right(107)], Classes(("cat",), (0,) * EACH), bands(tmp_path, old, new))
    assert alone.classes["cat"].p == pytest.approx(2 / 2**7)
    many = Classes(tuple("abcdefgh"), tuple(label for label in range(8) for _ in range(EACH)))
    judged = judging.judge([right(*[100] * 8)], [right(107, *[100] * 7)], many, bands(tmp_path, old, new))
    assert judged.classes["a"].p == pytest.approx(8 * 2 / 2**7) and judged.classes["a"].word == "inside the noise"


def test_predictions_of_another_test_set_make_no_claim_about_classes(tmp_path: Path) -> None:
    old, new = leave(tmp_path, 0, 100, 100), leave(tmp_path, 1, 108, 100, rate=2)
    assert judging.judge([right(100)], [right(100)], KNOWN, bands(tmp_path, old, new)).classes == {}
    assert judging.judge([right(100)], [right(100)], None, bands(tmp_path, old, new)).classes == {}
