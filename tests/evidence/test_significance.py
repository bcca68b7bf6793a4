"""The claim that one model is better than another on the same test set."""

import numpy as np
import pytest

from harness.evidence import significance
from harness.evidence.band import Band

BAND = Band(0.02, "a test")


def test_mcnemars_p_is_the_binomial_tests():
    from scipy.stats import binomtest

    for only_old, only_new in ((0, 0), (3, 9), (40, 60), (500, 700), (7, 7)):
        n = only_old + only_new
        expected = binomtest(only_old, n).pvalue if n else 1.0
        assert significance.mcnemar(only_old, only_new) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("only_old", "only_new", "word", "why"),
    [
        (100, 500, "better", "beyond the band"),
        (500, 100, "worse", "beyond the band"),
        (100, 200, "inside the noise", "two trainings may lie"),
        (40, 50, "inside the noise", "no more than chance"),
        (4000, 4250, "better", "beyond the band"),  # p = 0.006
        (4000, 4150, "inside the noise", "no more than chance"),  # p = 0.1
    ],
)
def test_a_claim_needs_more_than_the_chance_of_test_set_and_training(only_old, only_new, word, why):
    found = significance.claim(only_old, only_new, 8000, 10_000, BAND, "images")
    assert found.word == word and why in found.why
    assert found.low < found.new - found.old < found.high
    assert found.new == pytest.approx((8000 + only_new) / 10_000)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    chance = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        counts = chance.multinomial(2000, [0.08, 0.11, 0.7, 0.11])
        found = significance.claim(int(counts[0]), int(counts[1]), int(counts[2]), 2000, BAND, "images")
        hits += found.low <= 0.03 <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_a_claim_speaks_of_the_programs_examples_and_is_undecided_where_no_spread_is_known():
    assert "on so many sentences" in significance.claim(4, 5, 80, 100, BAND, "sentences").why
    unknown = significance.claim(100, 500, 8000, 10_000, Band(None, "nobody measured it"), "sentences")
    assert (unknown.word, unknown.why) == ("undecided", "nobody measured it")


def test_a_claim_says_how_many_seeds_would_tell_such_a_difference():
    found = significance.claim(100, 200, 8000, 10_000, BAND, "images")
    assert found.word == "inside the noise" and found.needed is not None
    spread = BAND.width / (3 * 2**0.5)
    # Cohen's d, and from tables of the two-sample t-test: a power of 0.8 at 5 % takes 17 of each at d = 1
    assert significance.noise.seeds(spread, spread) == 17
    assert found.needed == significance.noise.seeds(0.01, spread)
    assert f"{found.needed} seeds of each would tell it" in str(found)
    assert "would tell" not in str(significance.claim(100, 500, 8000, 10_000, BAND, "images"))


def test_holms_correction_is_that_of_statsmodels():
    # statsmodels.stats.multitest.multipletests([0.01, 0.04, 0.03, 0.005, 0.5], method="holm")
    assert significance.holm([0.01, 0.04, 0.03, 0.005, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.5])
    assert significance.holm([]) == []


def models(chance, shares, examples=2000):
    """Models that get these shares right, of examples that are easy and hard alike for all."""
    hardness = chance.random(examples)
    return [((hardness + chance.normal(size=examples) * 0.1) < share).tolist() for share in shares]


def test_of_groups_the_mean_over_seeds_decides_and_both_kinds_of_chance_count():
    chance = np.random.default_rng(0)
    rights = models(chance, [0.80, 0.81, 0.79, 0.85, 0.86, 0.84])
    better = significance.of_groups(rights[:3], rights[3:], "images")
    assert better.word == "better" and better.seeds == (3, 3) and better.low < better.new - better.old < better.high
    assert significance.of_groups(rights[3:], rights[:3], "images").word == "worse"
    # as far apart, but the seeds differ as much among themselves
    rights = models(chance, [0.70, 0.80, 0.90, 0.75, 0.85, 0.95])
    inside = significance.of_groups(rights[:3], rights[3:], "images")
    assert inside.word == "inside the noise" and inside.p < 0.05 and "3 and 3 seeds" in inside.why
    assert inside.needed > 3
    few = [each[:20] for each in models(chance, [0.80, 0.80, 0.80, 0.81, 0.81, 0.81])]
    assert significance.of_groups(few[:3], few[3:], "images").word == "inside the noise"


def test_the_interval_of_groups_holds_the_truth_as_often_as_it_says():
    chance = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        found = significance.of_groups(
            *np.split(chance.random((6, 400)) < np.repeat([0.70, 0.75], 3)[:, None], 2), "images"
        )
        hits += found.low <= 0.05 <= found.high
    assert 0.90 <= hits / 200 <= 0.99
