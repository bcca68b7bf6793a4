"""Claims about two groups of models on one test set, on the whole and of each class, by what they get right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.evidence import band, baseline, significance
from harness.evidence.band import Band
from harness.evidence.classes import Classes
from harness.evidence.decision import Judged
from harness.evidence.significance import Claim, Rights
from harness.runs.stored import StoredRun

Group = Sequence[Rights]  # of the models of one experiment, each on the same examples


@dataclass(frozen=True)
class Bands:
    """By how much shares of the test set may differ between two trainings of a run's experiment.

    `known` are all runs of the folder `runs`.
    """

    runs: Path
    known: Sequence[StoredRun]
    run: StoredRun

    @property
    def noun(self) -> str:
        """What the program calls its examples."""
        return self.run.plan.description.examples

    def of(self, number: int | None, share: float, examples: int) -> Band:
        """Of the examples of one class, None for all; `share` is about what is right of them.

        A class varies over seeds as its own seeds do, if they are enough; else as counting does, or as the whole would
        if the classes varied independently, whichever is more.
        """
        shares = self._shares(number)
        if number is None and self.run.plan.description.objective.share:
            return baseline.band(self.runs, self.run)
        if len(shares) >= band.ENOUGH:
            return band.of_seeds(shares)
        if number is None:
            return Band(None, f"no spread is known for the share of {self.noun} that are right")
        results = self.run.record.results if self.run.record else None
        whole = self.of(None, share, examples)
        if whole.spread is None or results is None:
            return whole
        independent = whole.spread * math.sqrt(results.examples / examples)
        return band.of_counting(share, examples, f"{self.noun} of the class", independent)

    def _shares(self, number: int | None) -> list[float]:
        """What is right of all, or of one class, over the seeds of the run's experiment, as the records count."""
        shares = []
        for record in baseline.seeds(self.known, self.run).values():
            confusion = record.results.confusion if record.results else ()
            rows = [(at, row) for at, row in enumerate(confusion) if number in (None, at)]
            if total := sum(sum(row) for _, row in rows):
                shares.append(sum(row[at] for at, row in rows) / total)
        return shares


def judge(old: Group, new: Group, known: Classes | None, bands: Bands) -> Judged:
    """The claims about one test set, whose classes are `known`; those about classes are corrected for being several."""
    whole = _claim(old, new, None, bands)
    if known is None or len(known.of) != whole.examples:
        return Judged(whole, {})
    parts = {}
    for number in range(len(known.names)):
        if members := known.members(number):
            before, after = ([[rights[at] for at in members] for rights in group] for group in (old, new))
            parts[number] = (before, after)
    corrected = significance.holm([_p(*part) for part in parts.values()])
    claims = {
        known.names[number]: _claim(before, after, number, bands, p)
        for (number, (before, after)), p in zip(parts.items(), corrected, strict=True)
    }
    return Judged(whole, claims)


def _claim(old: Group, new: Group, number: int | None, bands: Bands, p: float | None = None) -> Claim:
    if _several(old, new):
        return significance.of_groups(old, new, bands.noun, p)
    examples, counts = len(old[0]), significance.counts(old[0], new[0])
    allowed = bands.of(number, (sum(old[0]) + sum(new[0])) / (2 * examples), examples)
    return significance.claim(*counts, examples, allowed, bands.noun, p)


def _p(old: Group, new: Group) -> float:
    if _several(old, new):
        return significance.p_of_groups(old, new)
    return significance.mcnemar(*significance.counts(old[0], new[0])[:2])


def _several(old: Group, new: Group) -> bool:
    return max(len(old), len(new)) > 1
