"""Are models significantly better than others on the same test set? Pure.

Dietterich, Approximate statistical tests for comparing supervised classification learning algorithms (Neural
Computation 10, 1998): McNemar's test knows the chance of the test set; that of the training is the spread over seeds.
Of several classes at once p-values are corrected as by Holm (Scandinavian Journal of Statistics 6, 1979).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from harness.contract.metrics import Metric
from harness.evidence import noise
from harness.evidence.band import Band

CONFIDENT = 0.05
Z = 1.959964  # of a normal distribution, 95 % lie within
BETTER, WORSE, INSIDE, UNDECIDED = "better", "worse", "inside the noise", "undecided"
OF_TWO = {BETTER: "better, of these two", WORSE: "worse, of these two"}  # as models, whatever another seed would give
Rights = Sequence[bool]  # of one model: whether it is right, for each example of a test set


@dataclass(frozen=True)
class Claim:
    """Shares of the same test set that models get right, old and new: the mean over `seeds` models of each.

    `low` and `high` bound their difference, new minus old, with 95 % confidence in the `examples`. `p` is McNemar's,
    exact, or of several models that of a normal distribution. `word` is "better", "worse", "inside the noise", or
    "undecided" or one of OF_TWO where nobody knows what another seed would change; `why` says what that rests on.
    `needed` is how many seeds of each would tell such a difference, None where no number would or that is not known.
    """

    old: float
    new: float
    low: float
    high: float
    p: float
    word: str
    why: str
    examples: int
    seeds: tuple[int, ...]
    needed: int | None

    def __str__(self) -> str:
        bounds = f"95 % confidence {self.low:+.4f} to {self.high:+.4f}, {self.test} p = {self.p:.2g}"
        words = f"{self.old:.4f} -> {self.new:.4f} ({self.new - self.old:+.4f}; {bounds}): {self.word}, {self.why}"
        return words if self.settled or self.needed is None else f"{words}; {self.needed} seeds of each would tell it"

    @property
    def test(self) -> str:
        """What `p` is of."""
        return "McNemar" if max(self.seeds) == 1 else "z test"

    @property
    def settled(self) -> bool:
        """Whether it is known which is better."""
        return self.word in (BETTER, WORSE)


def claim(
    only_old: int,
    only_new: int,
    both: int,
    examples: int,
    band: Band,
    noun: str,
    p: float | None = None,
    unknown: bool = False,
) -> Claim:
    """Compare two models.

    Args:
        only_old: examples that the old model alone gets right; `only_new` the new one alone, `both` both of them.
        examples: in the test set; `noun` is what they are called, in the plural.
        band: by how much the shares of two trainings of one kind may differ.
        p: McNemar's, where it was corrected because it is one of several.
        unknown: whether a claim about these two models is worth making where no band is known.
    """
    change = (only_new - only_old) / examples
    error = Z * math.sqrt(max(only_old + only_new - (only_new - only_old) ** 2 / examples, 0.0)) / examples
    p = mcnemar(only_old, only_new) if p is None else p
    if p >= CONFIDENT:
        word, why = INSIDE, f"such a difference on so many {noun} is no more than chance"
    elif band.width is None:
        word, why = OF_TWO[BETTER if change > 0 else WORSE] if unknown else UNDECIDED, band.basis
    elif band.holds(change):
        word, why = INSIDE, f"two trainings may lie ±{band.width:.4f} apart: {band.basis}"
    else:
        word, why = (BETTER if change > 0 else WORSE), f"beyond the band of ±{band.width:.4f}: {band.basis}"
    shares = (both + only_old) / examples, (both + only_new) / examples
    needed = noise.seeds(change, band.spread) if band.spread is not None else None
    return Claim(*shares, change - error, change + error, p, word, why, examples, (1, 1), needed)


def counts(old: Rights, new: Rights) -> tuple[int, int, int]:
    """How many examples the old model alone gets right, the new one alone, and both."""
    pairs = list(zip(old, new, strict=True))
    return pairs.count((True, False)), pairs.count((False, True)), pairs.count((True, True))


def of_groups(
    old: Sequence[Rights], new: Sequence[Rights], noun: str, p: float | None = None, questions: int = 1
) -> Claim:
    """Compare the means of two groups of models, each of one experiment over its own seeds; at least three in all.

    The chance of the test set is the spread of the difference over its examples, that of the training the spread of
    the models' shares. Both have to be exceeded; where this is one of several `questions`, `p` is corrected already.
    """
    examples, z = len(old[0]), noise.NORMAL
    means = [[statistics.fmean(each) for each in zip(*group, strict=True)] for group in (old, new)]
    differences = [late - early for early, late in zip(*means, strict=True)]
    change, error = statistics.fmean(differences), statistics.pstdev(differences) / math.sqrt(examples)
    p = p_of_groups(old, new) if p is None else p
    shares = [[sum(rights) / examples for rights in group] for group in (old, new)]
    judged = noise.judge(Metric("share", "higher", share=True), *shares)
    freedom = len(old) + len(new) - 2
    stricter = noise.t_quantile(1 - CONFIDENT / (2 * questions), freedom) / noise.t_quantile(1 - CONFIDENT / 2, freedom)
    limit = (judged.limit or 0.0) * stricter
    basis = f"a standard deviation of {judged.spread:.4f} over {len(old)} and {len(new)} seeds"
    if p >= CONFIDENT:
        word, why = INSIDE, f"such a difference on so many {noun} is no more than chance"
    elif abs(change) <= limit:
        word, why = INSIDE, f"the seeds' means may lie ±{limit:.4f} apart: {basis}"
    else:
        word, why = (BETTER if change > 0 else WORSE), f"beyond the seeds' noise of ±{limit:.4f}: {basis}"
    reach = z.inv_cdf(1 - CONFIDENT / 2) * error
    before, after = (statistics.fmean(each) for each in shares)
    seeds = (len(old), len(new))
    return Claim(before, after, change - reach, change + reach, p, word, why, examples, seeds, judged.seeds)


def p_of_groups(old: Sequence[Rights], new: Sequence[Rights]) -> float:
    """Two-sided p-value that the means of two groups of models are equally good on such examples."""
    means = [[statistics.fmean(each) for each in zip(*group, strict=True)] for group in (old, new)]
    differences = [after - before for before, after in zip(*means, strict=True)]
    change, error = statistics.fmean(differences), statistics.pstdev(differences) / math.sqrt(len(differences))
    return 2 * (1 - noise.NORMAL.cdf(abs(change) / error)) if error else float(not change)


def mcnemar(only_old: int, only_new: int) -> float:
    """Exact two-sided p-value that both are equally good: a binomial test of the examples that one alone gets right."""
    n, k = only_old + only_new, min(only_old, only_new)
    if n == 0:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2) for i in range(k + 1)]
    return min(1.0, 2 * math.fsum(math.exp(each) for each in logs))


def holm(values: Sequence[float]) -> list[float]:
    """p-values of several questions, corrected so that a false answer to any of them is as rare as one p-value says."""
    corrected, largest = [0.0] * len(values), 0.0
    for rank, at in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, values[at] * (len(values) - rank)))
        corrected[at] = largest
    return corrected
