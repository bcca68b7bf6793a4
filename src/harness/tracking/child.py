"""One of our modules as a child process."""

import sys
from pathlib import Path

CODE = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"


def module(name: str) -> list[str]:
    """What runs a module of ours; in PYTHONPATH no folder could have a colon in its name."""
    return [sys.executable, "-P", "-c", CODE, str(Path(__file__).parents[2]), name]
