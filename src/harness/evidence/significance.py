"""Whether one model is better than another on the same images, and how sure that is. Pure.

Dietterich, Approximate statistical tests for comparing supervised classification learning algorithms (Neural
Computation 10, 1998): McNemar's test knows the chance of the test set; that of the training is the spread over seeds.
"""

import math
from dataclasses import dataclass

from harness.evidence.verdict import Band

CONFIDENT = 0.05
Z = 1.959964  # of a normal distribution, 95 % lie within


@dataclass(frozen=True)
class Claim:
    """Accuracies on the same images; `low` and `high` bound their difference, new minus old, with 95 % confidence.

    `p` is McNemar's, exact. `word` is "better", "worse" or "inside the noise", `why` says what that rests on.
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


def claim(only_old: int, only_new: int, both: int, images: int, band: Band) -> Claim:
    """Hold two models against each other.

    Args:
        only_old: images that the old model alone gets right; `only_new` the new one alone, `both` both of them.
        band: by how much two trainings of one kind may differ.
    """
    change = (only_new - only_old) / images
    error = Z * math.sqrt(max(only_old + only_new - (only_new - only_old) ** 2 / images, 0.0)) / images
    p = mcnemar(only_old, only_new)
    if p >= CONFIDENT:
        word, why = "inside the noise", "such a difference on so many images is no more than chance"
    elif abs(change) <= band.width:
        word, why = "inside the noise", f"two trainings may lie ±{band.width:.4f} apart: {band.basis}"
    else:
        word, why = ("better" if change > 0 else "worse"), f"beyond the band of ±{band.width:.4f}: {band.basis}"
    accuracies = (both + only_old) / images, (both + only_new) / images
    return Claim(*accuracies, change - error, change + error, p, word, why)


def mcnemar(only_old: int, only_new: int) -> float:
    """Exact two-sided p-value that both are equally good: a binomial test of the images that one alone gets right."""
    n, k = only_old + only_new, min(only_old, only_new)
    if n == 0:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2) for i in range(k + 1)]
    return min(1.0, 2 * math.fsum(math.exp(each) for each in logs))
