"""Whose code counted what a replay reports, and the same counted once more with this checkout's program."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from harness.contract import program
from harness.contract.errors import HarnessError
from harness.contract.record import RunRecord
from harness.evidence import evaluation
from harness.evidence.verdict import DIFFERENT, Verdict
from harness.runs.run_folder import RunFolder


@dataclass(frozen=True)
class Again:
    """The score of a saved model by this checkout's program: of how many examples, in words, and whether it agrees."""

    examples: int
    words: str
    agrees: bool


def again(run: RunFolder, record: RunRecord, dataset: Path) -> Again:
    """Score the model of a run that foreign code trained and counted."""
    name = record.experiment.program
    try:
        owner = program.load(name)
        if owner.score is None:
            return Again(0, f"not counted again: {name} has no score of its own", True)
        owner.runtime.configure(record.placement.threads or 1)
        expected = evaluation.recorded(run.path)
        scores = evaluation.score(expected, dataset)
        checks = evaluation.check(expected, scores)
    except HarnessError as error:
        return Again(0, f"it cannot be counted again here: {error.what}", False)
    agrees = all(check.agrees for check in checks)
    words = "; ".join(map(str, checks))
    return Again(len(scores.right), f"counted again by this checkout's program: {words}", agrees)


def added(judged: Verdict, record: RunRecord, whose: str | None, again: Again | None) -> Verdict:
    """A verdict with whose code did the counting; one that the second count does not bear out is different."""
    git = record.provenance.git
    if whose is None:
        commit = (
            f"commit {git.commit[:12]}{', with what was not committed' if git.dirty else ''}" if git else "no commit"
        )
        return dataclasses.replace(judged, reasons=(*judged.reasons, f"counted by the run's own code, of {commit}"))
    reasons = [f"counted by code of {whose}", *([again.words] if again else [])]
    word = judged.verdict if again is None or again.agrees else DIFFERENT
    return dataclasses.replace(judged, verdict=word, reasons=(*reasons, *judged.reasons))
