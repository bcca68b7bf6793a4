"""What makes a setting's value legal, in words and as a test."""

import difflib
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """What makes a value legal, in words and as a test, and the legal value nearest to a wrong one."""

    legal: str
    test: Callable[[Any], bool]
    nearest: Callable[[Any], Any]


def in_range(low: float, high: float | None = None, above: bool = False, below: bool = False) -> Rule:
    """Numbers from low to high; `above`/`below` leave the end itself out. A wrong one is answered with an example."""
    words = f"{'above' if above else 'at least'} {low:g}"
    if high is not None:
        words += f" and {'below' if below else 'at most'} {high:.12g}"

    def test(value: float) -> bool:
        return (value > low if above else value >= low) and (high is None or (value < high if below else value <= high))

    def nearest(value: object) -> float:
        numeric = isinstance(value, int | float) and high is not None and value > low and not below
        return typing.cast(float, high) if numeric else (0.1 if above else low)

    return Rule(words, test, nearest)


def one_of(*names: Any) -> Rule:
    def nearest(value: object) -> Any:
        return (difflib.get_close_matches(str(value), [str(name) for name in names], 1, 0.0) or [names[0]])[0]

    words = [str(name).lower() if isinstance(name, bool) else str(name) for name in names]
    return Rule(" | ".join(words), lambda value: value in names, nearest)


def optional(rule: Rule) -> Rule:
    """The same, or null."""
    return Rule(f"{rule.legal}, or null", lambda value: value is None or rule.test(value), rule.nearest)


def named(what: str, example: str) -> Rule:
    return Rule(what, bool, lambda _: example)
