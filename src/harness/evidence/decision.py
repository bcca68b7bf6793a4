"""Is a new model better, worse, or can that not be told? Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.evidence.significance import BETTER, OF_TWO, WORSE, Claim

SCHEMA = 1
CANNOT_TELL = "cannot tell"
SAME = "nothing to do"
EXITS = {BETTER: 0, SAME: 0, WORSE: 3, CANNOT_TELL: 4}  # 1 and 2 are failures and mistakes, as of every verb
TEST = {"old": "old test", "new": "new test"}  # the test sets by version of the data


@dataclass(frozen=True)
class Judged:
    """Two models, or groups of them, on one test set: as a whole, and on the examples of each class."""

    whole: Claim
    classes: Mapping[str, Claim]

    def those(self, word: str) -> list[str]:
        """The classes of which that word is true."""
        return [name for name, claim in self.classes.items() if claim.word == word]


@dataclass(frozen=True)
class Decision:
    """What a gate goes by: `word` is "better", "worse" or "cannot tell", `why` says it in words.

    `old` and `new` are ids of runs, `old_data` and `new_data` the hashes of what they were trained on. `sets` holds
    what was found on the test set of each version of the data, by the names of TEST; where both were trained on one
    version, on that of the new one alone.
    """

    schema: int
    program: str
    old: str
    new: str
    old_data: str
    new_data: str
    word: str
    why: str
    sets: Mapping[str, Judged]

    @property
    def judged(self) -> Judged:
        """What decides: the test set of the new data."""
        return self.sets[TEST["new"]]


def word(judged: Judged) -> tuple[str, str]:
    """The word and, in words, what it rests on.

    The whole test set decides, and where it does not, a class that is worse by more than another seed would change. A
    model that is better on the whole stays so where it is worse on a class, and `why` says that.
    """
    told = {each: judged.those(each) for each in (WORSE, BETTER, *OF_TWO.values())}
    notes = [f"{each} on {', '.join(classes)}" for each, classes in told.items() if classes]
    if judged.whole.settled:
        first = f"{judged.whole.word} on the whole test set"
    else:
        first = f"on the whole test set {judged.whole.word}"
        if judged.whole.needed is not None:
            first += f", {judged.whole.needed} seeds of each would tell"
    decided = judged.whole.word if judged.whole.settled else WORSE if told[WORSE] else CANNOT_TELL
    return decided, "; ".join((first, *notes))
