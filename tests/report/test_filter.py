"""The filter's language: what is typed means what it says, and whatever is typed has an answer."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.report import page

pytestmark = pytest.mark.browser
ROWS: list[dict[str, Any]] = [
    {"a": 1, "share": 0.25, "t": "one", "b": True},
    {"a": 2, "share": 0.5, "t": "Two", "b": False},
    {"a": -3, "share": None, "t": None, "b": True},
    {"a": None, "share": 1, "t": "one", "b": False},
]
KINDS = {"a": "number", "share": "number", "t": "text", "b": "bool"}
Test = Callable[[dict[str, Any]], bool]
Clause = tuple[str, Test]
ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
ASK = """(texts) => texts.map((text) => {
  const columns = new Map(COLUMNS);
  try { const test = parseFilter(text, columns); return ROWS.filter(test); } catch (error) {
    if (!(error instanceof FilterError)) throw error; return error.message; } })"""


@pytest.fixture(scope="module")
def ask(browser: Any) -> Iterator[Callable[[list[str]], list[Any]]]:
    """The numbers of the rows that pass each filter, or what is wrong with it."""
    shown = browser.new_page()
    shown.add_script_tag(content=(page.WEB / "filter.js").read_text() + "\nwindow.FilterError = FilterError;")
    columns = [[name, {"kind": kind, "values": [row[name] for row in ROWS]}] for name, kind in KINDS.items()]
    shown.evaluate("([columns, rows]) => { window.COLUMNS = columns; window.ROWS = rows; }", [columns, [0, 1, 2, 3]])
    yield lambda texts: shown.evaluate(ASK, texts)
    shown.close()


def _ordered(name: str, sign: str, number: float, percent: bool) -> Clause:
    typed = f"{number * 100:g} %" if percent else f"{number:g}"
    return f"{name} {sign} {typed}", lambda row: row[name] is not None and ORDERS[sign](row[name], number)


def _equal(name: str, sign: str, word: str | None) -> Clause:
    typed = "null" if word is None else f"'{word}'"
    return f"{name} {sign} {typed}", lambda row: (row[name] == word) is (sign == "==")


def _among(numbers: list[int], negated: bool) -> Clause:
    listed = ", ".join(map(str, numbers))
    return f"a {'not ' if negated else ''}in ({listed})", lambda row: (row["a"] in numbers) is not negated


def _contains(part: str) -> Clause:
    return f't ~ "{part}"', lambda row: row["t"] is not None and part.lower() in row["t"].lower()


NUMBERS = st.sampled_from((-3.0, -1.0, 0.0, 0.25, 0.5, 1.0, 2.0))
SIMPLE = st.one_of(
    st.builds(_ordered, st.sampled_from(("a", "share")), st.sampled_from(sorted(ORDERS)), NUMBERS, st.booleans()),
    st.builds(_equal, st.just("t"), st.sampled_from(("==", "!=")), st.sampled_from(("one", "Two", "2", None))),
    st.builds(_among, st.lists(st.integers(-3, 3), min_size=1, max_size=3), st.booleans()),
    st.builds(_contains, st.sampled_from(("o", "TW", "ne", "x"))),
    st.just(("b", lambda row: row["b"])),
)


def _joined(clauses: list[Clause], word: str) -> Clause:
    every = all if word == "and" else any
    text = f" {word} ".join(f"({clause})" for clause, _ in clauses)
    return text, lambda row: every(test(row) for _, test in clauses)


def _negated(clause: Clause) -> Clause:
    return f"not ({clause[0]})", lambda row: not clause[1](row)


FILTERS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds(_joined, st.lists(inner, min_size=2, max_size=3), st.sampled_from(("and", "or"))),
        st.builds(_negated, inner),
    ),
    max_leaves=5,
)


@hypothesis_settings(max_examples=12, deadline=None, derandomize=True)
@given(filters=st.lists(FILTERS, min_size=10, max_size=10))
def test_a_filter_passes_the_rows_that_it_says(ask: Callable[[list[str]], list[Any]], filters: list[Clause]) -> None:
    expected = [[number for number, row in enumerate(ROWS) if test(row)] for _, test in filters]
    assert dict(zip([text for text, _ in filters], ask([text for text, _ in filters]), strict=True)) == dict(
        zip([text for text, _ in filters], expected, strict=True)
    )


PIECES = st.sampled_from(
    (*KINDS, "and", "or", "not", "in", "(", ")", "[", ",", "==", "<", "~", "-", "1", "2 %", "'x'", '"')
)


@hypothesis_settings(max_examples=12, deadline=None, derandomize=True)
@given(texts=st.lists(st.one_of(st.text(max_size=12), st.lists(PIECES, max_size=8).map(" ".join)), min_size=10))
def test_whatever_is_typed_is_a_filter_or_one_mistake(ask: Callable[[list[str]], list[Any]], texts: list[str]) -> None:
    for answer in ask(texts):
        assert isinstance(answer, list) or (answer and "undefined" not in answer)
