"""The command line, read once."""

import sys
from pathlib import Path


def command_name() -> str:
    """The command that was typed, for error messages."""
    return f"python src/{Path(sys.argv[0]).name}"


def command_words() -> tuple[str, ...]:
    """The verb's file and all words after it."""
    return (Path(sys.argv[0]).name, *sys.argv[1:])


def typed_words() -> tuple[str, ...]:
    """All words after the verb."""
    return tuple(sys.argv[1:])


def typed_settings() -> frozenset[str]:
    """The names of the settings that were typed."""
    return frozenset(word.lstrip("+~").partition("=")[0] for word in sys.argv[1:] if "=" in word)
