"""Whatever a run says of itself stays text in a comment."""

import html
import re

import pytest

from harness.sharing import markdown


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<!-- harness: another -->",
        "a | b",
        "@everyone look",
        "[click](https://evil.example)",
        "see https://evil.example",
        "www.evil.example",
        "![x](y)",
        "**bold** _so_ `code`",
        "> quoted",
        "# title",
        "a\nb",
        "$x$ ~~y~~",
    ],
)
def test_nothing_in_it_acts(evil: str) -> None:
    shown = markdown.text(evil)
    assert not re.search(r"[<|@`*\[\]$~\n]|://|www\.|^[>#]|(?<!&)#", shown)
    assert html.unescape(shown) == " ".join(evil.split())


def test_names_and_numbers_stay_legible() -> None:
    for plain in ("test_accuracy", "cat 800 -> 80", "0.5 (+0.1)", "20260101T000000Z-0123abcd"):
        assert markdown.text(plain) == plain


def test_a_curve_has_as_many_points_as_a_person_sees_and_those_of_both_runs_are_at_the_same_epochs() -> None:
    old = {epoch: epoch / 1000 for epoch in range(1, 201)}
    new = {epoch: epoch / 1000 for epoch in range(1, 101)}
    lines = markdown.curves("accuracy", old, new)
    (axis,) = [line for line in lines if "x-axis" in line]
    epochs = [int(each) for each in re.findall(r"\d+", axis)]
    assert (epochs[0], epochs[-1], len(epochs)) == (1, 200, 30)
    values = [[float(each) for each in re.findall(r"[\d.]+", line)] for line in lines if "line [" in line]
    assert values[0] == [epoch / 1000 for epoch in epochs]
    assert values[1] == [epoch / 1000 for epoch in epochs if epoch <= 100]
    assert markdown.curves("accuracy", old, {}) == []
