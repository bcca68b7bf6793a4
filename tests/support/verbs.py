"""The verbs of src/ as they declare themselves, and what their command lines come to."""

import runpy
from pathlib import Path

from harness.settings import command_line, compose
from harness.settings.schema import Config
from harness.settings.verb import Verb

ROOT = Path(__file__).parents[2]
NAMES = tuple(sorted(path.stem for path in (ROOT / "src").glob("*.py")))


def declared(name: str) -> Verb:
    """What a verb's file declares."""
    verb: Verb = runpy.run_path(str(ROOT / "src" / f"{name}.py"))["VERB"]
    return verb


TRAIN = declared("train")


def composed(*words: str) -> Config:
    """The settings of `python src/train.py WORDS`."""
    return compose.one(command_line.parse(TRAIN, words))
