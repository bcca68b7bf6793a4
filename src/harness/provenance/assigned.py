"""Values that are assigned to names as `password`: found by the name, and told from code that only speaks of one."""

import math
import re
from collections.abc import Iterator

from harness.provenance.rule import lines

WORDS = (
    rb"passw(?:or)?d|passphrase|(?<!com)(?<!by)pass(?![a-z])|pwd|secret|token(?!i[sz])|credentials?|cookie|session[_-]?id"
    rb"|(?:api|access|auth|private|encryption|signing|master|account|storage|deploy|client|consumer|license|fernet)[_-]?key"
)
ASSIGNMENT = re.compile(
    rb"(?i)(?P<name>(?:" + WORDS + rb")[\w.-]{0,40})[\"']?\]?[ \t]*(?::=|=>|[:=]|>|(?<=[_a-z]key)[ \t])[ \t]*"
    rb"(?:(?P<quote>[\"'])(?P<quoted>[^\"'\n]{6,200})(?P=quote)|(?P<plain>[^\s\"'#;,<]{6,200})(?=[\s;,#<]|$))"
)
ANCHORS = (b"pass", b"pwd", b"secret", b"token", b"key", b"credential", b"cookie", b"session")
# What stands in the place of a secret, or only names one.
PLACEHOLDER = re.compile(
    rb"(?i)^(?:[x*._-]+|.*(?:example|placeholder|changeme|change-me|redacted|dummy|your[-_ ]).*|<.*>|\$.*|%.*%|\{.*\}"
    rb"|none|null|true|false|[\[(].*|.*[(\[{].*|(?:self|os|settings|config|args|options|env)\..*|\.{0,2}/.*"
    rb"|https?://.*|arn:.*)$"
)


def possible(lower: bytes) -> bool:
    """Whether a text, in lower case, can hold one."""
    return any(anchor in lower for anchor in ANCHORS)


def found(content: bytes, lower: bytes, bare: bool) -> Iterator[re.Match[bytes]]:
    """The assignments whose value looks like a secret; `bare`: a plain word is one too, and no variable."""
    for line in lines(content, lower, ANCHORS):
        yield from (match for match in ASSIGNMENT.finditer(line) if _is_secret(match, bare))


def without(content: bytes, instead: bytes) -> bytes:
    """The text with other words in place of such values."""

    def replaced(match: re.Match[bytes]) -> bytes:
        start, end = (each - match.start() for each in match.span("quoted" if match["quoted"] else "plain"))
        return match[0][:start] + instead + match[0][end:] if _is_secret(match, False) else match[0]

    return ASSIGNMENT.sub(replaced, content)


def _is_secret(match: re.Match[bytes], bare: bool) -> bool:
    """Whether the value is no expression, type, path or word to replace."""
    value = match["quoted"] or match["plain"].rstrip(b")]}:.`")
    if PLACEHOLDER.match(value) or b" " in value or value.lower() == match["name"].lower():
        return False
    numerals, letters = re.search(rb"[0-9]", value), re.search(rb"[A-Za-z]", value)
    mixed = bool(numerals and letters) or bool(letters and re.search(rb"[^\w.:/-]", value))
    speaks = re.search(rb"(?i)pass|pwd", match["name"]) is not None
    if match["quoted"]:
        return (mixed or speaks or len(value) >= 16) and entropy(value) >= 2.3
    plain_word = re.fullmatch(rb"[A-Za-z_][\w.]*", value) is not None  # in code, a variable
    if plain_word and bare and speaks:
        return value.lower() not in (b"string", b"required", b"optional", b"prompt")
    if plain_word and (not bare or not numerals):
        return len(value) >= 20 and b"_" not in value and b"." not in value and entropy(value) >= 3.5 and bool(numerals)
    return (mixed or (len(value) >= 16 and bool(numerals))) and entropy(value) >= 2.8


def entropy(value: bytes) -> float:
    """Bits per character of a value's own distribution of characters."""
    counts = [value.count(each) for each in set(value)]
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
