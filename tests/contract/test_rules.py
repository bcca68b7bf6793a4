"""Rules say in words what they test, and suggest what passes."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.contract.rules import Rule, in_range, one_of, optional


@pytest.mark.parametrize(
    ("rule", "legal", "inside", "outside"),
    [
        (in_range(0), "at least 0", (0, 1e300), (-1e-9,)),
        (in_range(0, above=True), "above 0", (1e-9,), (0, -1)),
        (in_range(0, 1, below=True), "at least 0 and below 1", (0, 0.999), (1, 2, -1)),
        (in_range(1, 5), "at least 1 and at most 5", (1, 5), (0, 6)),
        (one_of(True, False), "true | false", (True, False), ("true", None)),
        (optional(one_of("a", "b")), "a | b, or null", ("a", None), ("c",)),
    ],
)
def test_a_rule_holds_its_ends_as_its_words_say(
    rule: Rule, legal: str, inside: tuple[object, ...], outside: tuple[object, ...]
) -> None:
    assert rule.legal == legal
    assert all(map(rule.test, inside)) and not any(map(rule.test, outside))


NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6))


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
@given(NUMBERS, NUMBERS, st.booleans(), st.booleans(), NUMBERS)
def test_what_a_range_suggests_for_a_wrong_number_is_legal(
    low: float, more: float, above: bool, below: bool, value: float
) -> None:
    high = low + abs(more) + 1
    rule = in_range(low, high, above, below)
    inside = (low < value if above else low <= value) and (value < high if below else value <= high)
    assert rule.test(value) == inside
    if low == 0 and high > 1:  # the ranges that settings have
        assert rule.test(rule.nearest(value)) and math.isfinite(rule.nearest(value))
