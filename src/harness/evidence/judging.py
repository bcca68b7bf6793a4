"""Claims about two groups of models on one test set, on the whole and of each class, by what they get right."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.evidence import band, baseline, noise, significance
from harness.evidence.band import Band
from harness.evidence.classes import Classes
from harness.evidence.decision import Judged
from harness.evidence.significance import Claim, Rights
from harness.runs.stored import StoredRun

Group = Sequence[Rights]  # of the models of one experiment, each on the same examples


@dataclass(frozen=True)
class Bands:
    """By how much shares of the test set may differ between two trainings of one experiment, the old one or the new.

    `known` are all runs of the folder `runs`.
    """

    runs: Path
    known: Sequence[StoredRun]
    old: StoredRun
    new: StoredRun

    @property
    def noun(self) -> str:
        """What the program calls its examples."""
        return self.new.plan.description.examples

    def whole(self) -> Band:
        """Of all examples."""
        if self.new.plan.description.objective.share:
            return baseline.band(self.runs, self.new)
        return self._seeds(None, f"no spread is known for the share of {self.noun} that are right")

    def of_class(self, number: int, classes: int) -> Band:
        """Of the examples of one class of so many: known from seeds alone, since classes take from each other."""
        unknown = f"of two models; {band.ENOUGH} seeds would tell what another one changes of a class"
        return self._seeds(number, unknown, classes)

    def _seeds(self, number: int | None, unknown: str, questions: int = 1) -> Band:
        """What is right of one class, or of all, over the seeds of either experiment, as the records count."""
        for run in (self.new, self.old):
            shares = []
            for record in baseline.seeds(self.known, run).values():
                confusion = record.results.confusion if record.results else ()
                rows = [(at, row) for at, row in enumerate(confusion) if number in (None, at)]
                if total := sum(sum(row) for _, row in rows):
                    shares.append(sum(row[at] for at, row in rows) / total)
            if len(shares) >= band.ENOUGH:
                spread = statistics.stdev(shares)
                width = noise.t_quantile(1 - noise.ALPHA / (2 * questions), len(shares) - 1) * math.sqrt(2) * spread
                return Band(width, f"this experiment over {len(shares)} seeds, standard deviation {spread:.4f}")
        return Band(None, unknown)


def judge(old: Group, new: Group, known: Classes | None, bands: Bands) -> Judged:
    """The claims about one test set, whose classes are `known`; those about classes are corrected for being several."""
    whole = _claim(old, new, bands)
    if known is None or len(known.of) != whole.examples:
        return Judged(whole, {})
    parts = {}
    for number in range(len(known.names)):
        if members := known.members(number):
            before, after = ([[rights[at] for at in members] for rights in group] for group in (old, new))
            parts[number] = (before, after)
    corrected = significance.holm([_p(*part) for part in parts.values()])
    claims = {
        known.names[number]: _claim(before, after, bands, (number, len(parts)), p)
        for (number, (before, after)), p in zip(parts.items(), corrected, strict=True)
    }
    return Judged(whole, claims)


def _claim(old: Group, new: Group, bands: Bands, part: tuple[int, int] | None = None, p: float | None = None) -> Claim:
    """Of all examples, or of those of `part`: a class by its number, one of so many."""
    if _several(old, new):
        return significance.of_groups(old, new, bands.noun, p, part[1] if part else 1)
    allowed = bands.of_class(*part) if part else bands.whole()
    counts = significance.counts(old[0], new[0])
    return significance.claim(*counts, len(old[0]), allowed, bands.noun, p, unknown=part is not None)


def _p(old: Group, new: Group) -> float:
    if _several(old, new):
        return significance.p_of_groups(old, new)
    return significance.mcnemar(*significance.counts(old[0], new[0])[:2])


def _several(old: Group, new: Group) -> bool:
    return max(len(old), len(new)) > 1
