"""Is one model significantly better than another on the same test set? Pure.

Dietterich, Approximate statistical tests for comparing supervised classification learning algorithms (Neural
Computation 10, 1998): McNemar's test knows the chance of the test set; that of the training is the spread over seeds.
"""

import math
from dataclasses import dataclass

from harness.evidence.band import Band

CONFIDENT = 0.05
Z = 1.959964  # of a normal distribution, 95 % lie within


@dataclass(frozen=True)
class Claim:
    """Shares of the same test set that two models get right, old and new.

    `low` and `high` bound their difference, new minus old, with 95 % confidence. `p` is McNemar's, exact. `word` is
    "better", "worse", "inside the noise", or "undecided" where nobody knows what another seed would change; `why` says
    what that rests on.
    """

    old: float
    new: float
    low: float
    high: float
    p: float
    word: str
    why: str

    def __str__(self) -> str:
        bounds = f"95 % confidence {self.low:+.4f} to {self.high:+.4f}, McNemar p = {self.p:.2g}"
        return f"{self.old:.4f} -> {self.new:.4f} ({self.new - self.old:+.4f}; {bounds}): {self.word}, {self.why}"


def claim(only_old: int, only_new: int, both: int, examples: int, band: Band, noun: str) -> Claim:
    """Compare two models.

    Args:
        only_old: examples that the old model alone gets right; `only_new` the new one alone, `both` both of them.
        examples: in the test set; `noun` is what they are called, in the plural.
        band: by how much the shares of two trainings of one kind may differ.
    """
    change = (only_new - only_old) / examples
    error = Z * math.sqrt(max(only_old + only_new - (only_new - only_old) ** 2 / examples, 0.0)) / examples
    p = mcnemar(only_old, only_new)
    if p >= CONFIDENT:
        word, why = "inside the noise", f"such a difference on so many {noun} is no more than chance"
    elif band.width is None:
        word, why = "undecided", band.basis
    elif band.holds(change):
        word, why = "inside the noise", f"two trainings may lie ±{band.width:.4f} apart: {band.basis}"
    else:
        word, why = ("better" if change > 0 else "worse"), f"beyond the band of ±{band.width:.4f}: {band.basis}"
    shares = (both + only_old) / examples, (both + only_new) / examples
    return Claim(*shares, change - error, change + error, p, word, why)


def mcnemar(only_old: int, only_new: int) -> float:
    """Exact two-sided p-value that both are equally good: a binomial test of the examples that one alone gets right."""
    n, k = only_old + only_new, min(only_old, only_new)
    if n == 0:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2) for i in range(k + 1)]
    return min(1.0, 2 * math.fsum(math.exp(each) for each in logs))
