"""Whether a difference is larger than the seeds' spread, and how many seeds would tell it, as SciPy has it."""

import math

import pytest
from scipy import stats

from harness.contract.metrics import Metric
from harness.evidence import noise

LOSS = Metric("loss", "lower", spread=0.1)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 7, 10, 31, 100])
def test_the_quantile_is_students(freedom: int) -> None:
    assert noise.t_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-6)


@pytest.mark.parametrize("effect", [0.3, 0.5, 0.8, 1.2, 2.0])
def test_the_number_of_seeds_has_the_power_that_it_claims(effect: float) -> None:
    def power(n: int) -> float:
        limit, shift = stats.t.ppf(0.975, 2 * n - 2), effect * math.sqrt(n / 2)
        return float(stats.nct.sf(limit, 2 * n - 2, shift) + stats.nct.cdf(-limit, 2 * n - 2, shift))

    exact = next(n for n in range(2, 1000) if power(n) >= noise.POWER)
    assert abs((noise.seeds(effect, 1.0) or 0) - exact) <= 1


def test_a_difference_is_judged_as_the_t_test_does() -> None:
    old, near, far = [0.50, 0.52, 0.48], [0.51, 0.50, 0.53], [0.60, 0.62, 0.61]
    for new in (near, far):
        judged = noise.judge(LOSS, old, new)
        assert judged.larger is bool(stats.ttest_ind(old, new).pvalue < 0.05)
        assert judged.measured and judged.limit is not None
        # at its limit a change has just the significance that is asked for
        at_the_limit = [value - (sum(new) - sum(old)) / 3 + judged.limit for value in new]
        assert stats.ttest_ind(old, at_the_limit).pvalue == pytest.approx(0.05, rel=1e-3)


def test_a_declared_spread_stands_in_where_there_is_one_seed_of_each() -> None:
    inside, larger = noise.judge(LOSS, [0.5], [0.6]), noise.judge(LOSS, [0.5], [0.8])
    assert (inside.larger, larger.larger, inside.spread) == (False, True, 0.1)
    assert "inside the noise" in str(inside) and "17 seeds of each would tell it" in str(inside)
    assert "lower is better" in str(larger)


def test_what_is_not_known_is_not_claimed() -> None:
    unknown = noise.judge(Metric("error", "lower"), [0.5], [0.6])
    assert unknown.larger is None and "not known" in str(unknown)
    assert noise.judge(LOSS, [0.5], [0.5]).seeds is None
