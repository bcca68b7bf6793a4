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
