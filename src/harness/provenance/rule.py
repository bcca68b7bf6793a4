"""What a kind of secret looks like, and where a text holds one.

A rule is tried only where one of its anchors (lower case) stands in the text, and mostly on those lines alone: a scan
costs a few milliseconds.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What a kind of secret looks like; `block` marks the opening of one whose later lines look like nothing."""

    kind: str
    anchors: tuple[bytes, ...]
    expression: str
    block: bool = False

    @functools.cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """The expression, compiled where it is first needed: all of them would cost each command 40 ms."""
        return re.compile(self.expression.encode())

    def possible(self, lower: bytes) -> bool:
        """Whether a text, in lower case, can hold one."""
        return any(anchor in lower for anchor in self.anchors)

    @functools.cached_property
    def _in_one_line(self) -> bool:
        """Whether no match has a line's end in it: then only lines with an anchor are looked at."""
        negated = re.findall(r"\[\^[^\]]*\]", self.expression)
        rest = re.sub(r"\[\^[^\]]*\]", "", self.expression)
        return "\\s" not in rest and all("\\s" in each or "\\n" in each for each in negated)

    def matches(self, content: bytes, lower: bytes) -> Iterator[re.Match[bytes]]:
        """Where a text, which is given in lower case too, holds one."""
        if self._in_one_line:
            for line in lines(content, lower, self.anchors):
                yield from self.pattern.finditer(line)
        elif self.possible(lower):
            yield from self.pattern.finditer(content)


def lines(content: bytes, lower: bytes, anchors: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text in which one of the anchors stands."""
    spans = set()
    for anchor in anchors:
        at = lower.find(anchor)
        while at >= 0:
            end = content.find(b"\n", at)
            end = len(content) if end < 0 else end
            spans.add((content.rfind(b"\n", 0, at) + 1, end))
            at = lower.find(anchor, end)
    return (content[start:end] for start, end in sorted(spans))


def rule(kind: str, anchors: str, pattern: str, block: bool = False) -> Rule:
    """A rule; its anchors are words with spaces between them."""
    return Rule(kind, tuple(word.encode() for word in anchors.split(" ")), pattern, block)
