"""The command line, read once."""

import sys
from pathlib import Path


def command_name() -> str:
    """The command that was typed, for error messages."""
    return f"python src/{Path(sys.argv[0]).name}"
