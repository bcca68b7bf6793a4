"""By how much two trainings of one kind may differ in the metric that decides. Standard library only."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from harness.contract.plan import Description
from harness.contract.record import Results
from harness.evidence import quantity

ENOUGH = 5  # seeds whose own spread is taken instead of the declared one
WIDTH = 3 * math.sqrt(2)  # two runs of one distribution lie within it 99.7 times in 100


@dataclass(frozen=True)
class Band:
    """Two values of a metric that lie `width` apart at most are equivalent; `basis` says what that rests on.

    `width` is None where no spread is known: then nothing can be called equivalent.
    """

    width: float | None
    basis: str

    @property
    def spread(self) -> float | None:
        """The standard deviation that it rests on."""
        return None if self.width is None else self.width / WIDTH

    def holds(self, change: float) -> bool:
        """Whether a change lies within the band."""
        return self.width is not None and abs(change) <= self.width


def estimate(values: Sequence[float], description: Description, results: Results | None) -> Band:
    """The band of an experiment from the test values of its own runs over seeds.

    Where they are few it rests on the spread that the metric declares. Of a share it rests on that of counting as many
    examples, the standard deviation of a binomial, where that is larger: a few hundred cannot tell shares as well as
    10,000.
    """
    metric = description.objective
    if len(values) >= ENOUGH:
        spread = statistics.stdev(values)
        shown = quantity.text(metric, spread)
        return Band(WIDTH * spread, f"this experiment over {len(values)} seeds, standard deviation {shown}")
    share = results.metrics.get(f"test_{metric.name}") if results and metric.share else None
    if results and share is not None and (counted := _binomial(share, results.examples)) > (metric.spread or 0.0):
        return Band(
            WIDTH * counted, f"a standard deviation of {counted:.4f} for {results.examples} test {description.examples}"
        )
    if metric.spread is not None:
        return Band(WIDTH * metric.spread, f"a standard deviation over seeds of {metric.spread:g}, as measured")
    return Band(None, f"no spread is known for {metric.name}: {ENOUGH} seeds would tell")


def _binomial(share: float, examples: int) -> float:
    return math.sqrt(max(share * (1 - share), 0.0) / examples) if examples else 0.0
