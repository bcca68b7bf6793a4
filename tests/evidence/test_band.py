import dataclasses
import json
import math

import pytest

from harness.contract import program
from harness.evidence import band
from harness.evidence.band import WIDTH, estimate
from harness.settings.project import ROOT
from tests.support.plans import DESCRIPTION
from tests.support.records import ACCURACY, BIGRAMS, FOREST, RESULTS, results_of


def test_the_band_rests_on_the_experiments_own_seeds_where_there_are_enough():
    few, enough = estimate([0.5, 0.6], DESCRIPTION, None), estimate([0.50, 0.51, 0.52, 0.51, 0.51], DESCRIPTION, None)
    assert few.width == pytest.approx(0.0045 * 4.2426, rel=1e-4)  # three standard deviations of a difference
    assert enough.width == pytest.approx(0.0070711 * 4.2426, rel=1e-4)
    assert "5 seeds" in enough.basis


def test_few_test_examples_widen_the_band_of_a_share():
    few = estimate([], DESCRIPTION, RESULTS)  # 100 test images, half of them right
    assert few.width == pytest.approx(0.05 * 4.2426, rel=1e-4)
    assert "100 test images" in few.basis
    many = dataclasses.replace(RESULTS, examples=10**6)
    assert estimate([], DESCRIPTION, many).width == pytest.approx(WIDTH * ACCURACY.spread)


def test_a_share_of_unknown_spread_has_that_of_counting():
    unmeasured = dataclasses.replace(DESCRIPTION, metrics=(dataclasses.replace(ACCURACY, spread=None),))
    many = dataclasses.replace(RESULTS, examples=10**6)
    assert estimate([], unmeasured, many).width == pytest.approx(WIDTH * math.sqrt(0.25 / 10**6))
    assert estimate([], unmeasured, None).width is None


def test_a_metric_that_is_no_share_has_its_declared_spread_however_few_examples_there_are():
    assert estimate([], FOREST, results_of(FOREST, 12.5, examples=3)).width == pytest.approx(WIDTH * 0.5)


def test_a_metric_without_a_spread_has_no_band_until_seeds_give_one():
    assert estimate([], BIGRAMS, results_of(BIGRAMS, 0.5)).width is None  # between 0 and 1, and yet no share
    unknown = estimate([80.0, 81.0], BIGRAMS, results_of(BIGRAMS, 80.0))
    assert unknown == band.Band(None, "no spread is known for perplexity: 5 seeds would tell")
    assert not unknown.holds(0.0)
    assert estimate([80.0, 81.0, 80.5, 80.2, 80.9], BIGRAMS, None).width is not None


def test_cifar10s_accuracy_has_the_spread_that_was_measured_over_seeds():
    measured = json.loads((ROOT / "docs" / "figures" / "seeds.json").read_text())["found"]["spread"]
    assert program.load("cifar10").metrics[0].spread == measured
