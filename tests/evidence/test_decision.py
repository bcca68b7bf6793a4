"""The one word that a gate goes by."""

import pytest

from harness.evidence import decision
from harness.evidence.decision import Judged
from harness.evidence.significance import Claim


def claimed(word: str) -> Claim:
    """A claim of that word; 12 seeds of each would tell it."""
    return Claim(0.8, 0.7, -0.2, 0.0, 0.01, word, "as it was made", 100, (1, 1), 12)


@pytest.mark.parametrize(
    ("whole", "classes", "word", "why"),
    [
        ("better", {}, "better", "better on the whole test set"),
        ("worse", {"cat": "better"}, "worse", "better on cat"),
        ("better", {"cat": "worse", "dog": "worse"}, "better", "worse on cat, dog"),
        ("inside the noise", {"cat": "worse", "dog": "better"}, "worse", "worse on cat; better on dog"),
        ("inside the noise", {"cat": "better"}, "cannot tell", "12 seeds of each would tell; better on cat"),
        ("inside the noise", {"cat": "worse, of these two"}, "cannot tell", "worse, of these two on cat"),
        ("undecided", {"cat": "inside the noise"}, "cannot tell", "on the whole test set undecided"),
    ],
)
def test_the_whole_decides_and_where_it_does_not_a_class_that_is_worse(
    whole: str, classes: dict[str, str], word: str, why: str
) -> None:
    found, words = decision.word(Judged(claimed(whole), {name: claimed(each) for name, each in classes.items()}))
    assert found == word and why in words


def test_better_and_nothing_to_do_pass_a_gate_and_failures_have_codes_of_their_own() -> None:
    codes = decision.EXITS
    assert codes["better"] == codes["nothing to do"] == 0
    assert len({codes["worse"], codes["cannot tell"], 0, 1, 2}) == 5
