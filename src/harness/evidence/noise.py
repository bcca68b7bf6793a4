"""Is the difference between two groups of runs larger than what another seed would change? Pure.

Two-sample t: Cohen, Statistical Power Analysis (1988), chapter 2; the number of seeds by Guenther's correction of the
normal approximation (The American Statistician 35, 1981).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from harness.contract.metrics import Metric
from harness.evidence import quantity

ALPHA, POWER = 0.05, 0.8
NORMAL = statistics.NormalDist()


@dataclass(frozen=True)
class Noise:
    """The change of a metric from one group of seeds to another, against the spread over seeds.

    `spread` is the standard deviation, None where it is not known; `limit` what a change must exceed at so many seeds;
    `seeds` how many of each would tell such a change in 8 of 10 attempts, None where no number would.
    """

    metric: Metric
    change: float
    counts: tuple[int, int]
    spread: float | None
    limit: float | None
    seeds: int | None
    measured: bool

    @property
    def larger(self) -> bool | None:
        """Whether the change is larger than the noise."""
        return None if self.limit is None else abs(self.change) > self.limit

    def __str__(self) -> str:
        change = f"{quantity.text(self.metric, self.change, '+')}{quantity.direction(self.metric)}"
        if self.spread is None or self.limit is None:
            return f"{change}: the spread over seeds is not known; two seeds of one of them would begin to tell"
        basis = "pooled over these seeds" if self.measured else "as its program declares"
        of = f"{self.counts[0]} and {self.counts[1]} seeds"
        spread = f"spread {quantity.text(self.metric, self.spread)} {basis}, {of}"
        word = "larger than" if self.larger else "inside"
        needed = "no number of seeds tells it" if self.seeds is None else f"{self.seeds} seeds of each would tell it"
        return f"{change}: {word} the noise of ±{quantity.text(self.metric, self.limit)} ({spread}); {needed}"


def judge(metric: Metric, old: Sequence[float], new: Sequence[float]) -> Noise:
    """Compare the test values of two groups of runs, each over its own seeds, one at least."""
    change = statistics.fmean(new) - statistics.fmean(old)
    freedom = len(old) + len(new) - 2
    pooled = math.sqrt(sum(_squares(each) for each in (old, new)) / freedom) if freedom else None
    spread = pooled if pooled is not None else metric.spread
    limit = None
    if spread is not None:
        quantile = t_quantile(1 - ALPHA / 2, freedom) if freedom else NORMAL.inv_cdf(1 - ALPHA / 2)
        limit = quantile * spread * math.sqrt(1 / len(old) + 1 / len(new))
    needed = seeds(change, spread) if spread is not None else None
    return Noise(metric, change, (len(old), len(new)), spread, limit, needed, pooled is not None)


def seeds(change: float, spread: float) -> int | None:
    """How many seeds of each of two groups tell a change of their means, with a power of 0.8; None for no change."""
    if not change:
        return None
    z = NORMAL.inv_cdf(1 - ALPHA / 2)
    both = z + NORMAL.inv_cdf(POWER)
    return max(2, math.ceil(2 * (both * spread / change) ** 2 + z * z / 4))


def t_quantile(p: float, freedom: int) -> float:
    """Quantile of Student's distribution above its median, by bisection."""
    low, high = 0.0, 1000.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _t_cumulated(middle, freedom) < p else (low, middle)
    return low


def _t_cumulated(t: float, freedom: int) -> float:
    """P(T <= t) for t >= 0: the finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan2(t, math.sqrt(freedom))
    term, total = (math.cos(angle), 0.0) if freedom % 2 else (1.0, 0.0)
    for k in range(2 if freedom % 2 else 1, freedom, 2):
        total += term
        term *= k / (k + 1) * math.cos(angle) ** 2
    if freedom % 2:
        return 0.5 + (angle + math.sin(angle) * (total if freedom > 1 else 0.0)) / math.pi
    return 0.5 + math.sin(angle) * total / 2


def _squares(values: Sequence[float]) -> float:
    mean = statistics.fmean(values)
    return math.fsum((value - mean) ** 2 for value in values)
