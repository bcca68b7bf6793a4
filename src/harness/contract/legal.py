"""What the parts of a plan or record may be, wherever they come from. Standard library only."""

import re
from datetime import datetime
from typing import Any

from harness.contract.rules import Rule, in_range, one_of

WHOLE = 2**53  # integers up to here are exact in every reader of JSON
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def spelled(text: str) -> str:
    """Text for people and terminals: characters that act instead of being seen are spelled out."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def pattern(words: str, expression: str) -> Rule:
    """Text that matches an expression as a whole."""
    compiled = re.compile(expression, re.ASCII)
    return Rule(words, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None, lambda _: "")


def _is_path(value: Any) -> bool:
    parts = value.split("/") if isinstance(value, str) else []
    plain = all(0 < len(part.encode(errors="replace")) <= 255 and part not in (".", "..") for part in parts)
    return bool(parts) and plain and len(value) <= 1024 and "\\" not in value and not CONTROL.search(value)


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


TEXT = Rule("plain text", lambda value: len(value) <= 1024 and not CONTROL.search(value), lambda _: "")
SCALAR = Rule("plain text", lambda value: not isinstance(value, str) or TEXT.test(value), lambda _: "")
PATH = Rule("a path below its folder", _is_path, lambda _: "")
NAME = Rule("a name without /", lambda value: _is_path(value) and "/" not in value, lambda _: "")
WORD = pattern("letters, numbers and _", r"[A-Za-z_][\w.-]{0,99}")
PROGRAM = pattern("a program's name", r"[a-z][a-z0-9_]{0,63}")
RUN_ID = pattern("letters, numbers, _, . and -", r"\w[\w.-]{0,127}")
SWEEP = pattern("names of letters, numbers, _ and -, with / between them", r"[\w-]{1,100}(/[\w-]{1,100}){0,9}")
SHA256 = pattern("a sha256", r"[0-9a-f]{64}")
MD5 = pattern("an md5", r"[0-9a-f]{32}")
DIRECTORY = pattern("DVC's hash of a folder", r"[0-9a-f]{32}\.dir")
COMMIT = pattern("a commit's hash", r"[0-9a-f]{40}|[0-9a-f]{64}")
TIME = Rule("a time with its zone, ISO 8601", _is_time, lambda _: "")
COUNT = in_range(0, WHOLE)
SECONDS = in_range(0, 1e9)
USD = in_range(0, 1e9)
SPREAD = in_range(0, 1e9)
BETTER = one_of("higher", "lower")
STATUS = one_of("completed", "failed", "pruned")


def at_most(count: int) -> Rule:
    """So many items at most."""
    return Rule(f"at most {count} of them", lambda value: len(value) <= count, lambda _: "")


def between(fewest: int, most: int) -> Rule:
    """A number of items."""
    return Rule(f"{fewest} to {most} of them", lambda value: fewest <= len(value) <= most, lambda _: "")
