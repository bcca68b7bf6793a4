"""Tables of epochs: read within limits, and written so that equal numbers are equal bytes."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.contract import metrics
from harness.launch import listener

QUICK = hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
NAMES = st.sampled_from(("train_loss", "validation_accuracy", "seconds", "step", "a.b-c", "_"))


@QUICK
@given(st.lists(NAMES, unique=True, max_size=4), st.lists(st.floats(), min_size=1, max_size=5))
def test_a_table_comes_back_without_what_is_no_number(names: list[str], values: list[float]) -> None:
    text = metrics.table(["epoch", *names], [[number, *([value] * len(names))] for number, value in enumerate(values)])
    rows = metrics.parse(text.encode())
    finite = [dict.fromkeys(names, value) if math.isfinite(value) else {} for value in values]
    assert rows == tuple({"epoch": float(number), **each} for number, each in enumerate(finite))


@QUICK
@given(st.one_of(st.binary(max_size=80), st.text(alphabet='epoch,1\n\r"\0. nafx', max_size=80).map(str.encode)))
def test_whatever_a_table_holds_it_is_rows_or_one_error(content: bytes) -> None:
    try:
        rows = metrics.parse(content)
    except ValueError:
        return
    assert all(isinstance(row["epoch"], float) for row in rows)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("step,loss\n1,2\n", "row 1 of metrics.csv has no epoch"),
        ("epoch,loss\n1,2\n2,nan\nnan,3\n", "row 3 of metrics.csv has no epoch"),
        ("epoch,loss\n1,2\n2\n", "row 2 of metrics.csv is not whole"),
        ("epoch,the loss\n1,2\n", "row 1 of metrics.csv is not whole"),
        ("epoch,loss\n1,two\n", "could not convert"),
    ],
)
def test_a_row_that_is_not_whole_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        metrics.parse(text.encode())


def test_a_table_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "LARGEST", 20)
    assert len(metrics.parse(b"epoch,loss\n1,2\n")) == 1
    with pytest.raises(ValueError, match="more than 20 bytes"):
        metrics.parse(b"epoch,loss\n1,2\n2,3\n4,5\n")


def test_a_line_keeps_six_digits_and_is_read_back_by_the_host() -> None:
    line = metrics.line({"epoch": 3, "train_loss": 0.6123456789, "images_per_second": 310.0})
    assert line == "epoch=3 train_loss=0.612346 images_per_second=310"
    assert listener.parse(line) == {"epoch": 3.0, "train_loss": 0.612346, "images_per_second": 310.0}
    assert metrics.line({"progress": True, "step": 5}) == "progress step=5"
    assert metrics.line({"note": "resumed"}) == "resumed"
