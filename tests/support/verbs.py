"""The verbs of src/ as they declare themselves, and what their command lines come to."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

from harness.settings import command_line, compose
from harness.settings.schema import Config
from harness.settings.verb import Verb

ROOT = Path(__file__).parents[2]
NAMES = tuple(sorted(path.stem for path in (ROOT / "src").glob("*.py")))

HEAVY = (
    "hydra",
    "omegaconf",
    "yaml",
    "numpy",
    "tensorflow",
    "keras",
    "sagemaker",
    "boto3",
    "comet_ml",
    "dvc",
    "optuna",
)


def declared(name: str) -> Verb:
    """What a verb's file declares."""
    verb: Verb = runpy.run_path(str(ROOT / "src" / f"{name}.py"))["VERB"]
    return verb


TRAIN = declared("train")


def composed(*words: str) -> Config:
    """The settings of `python src/train.py WORDS`."""
    return compose.one(command_line.parse(TRAIN, words))


SPY = """
import runpy, sys
sys.argv = ["src/{verb}.py", *{words}]
try:
    runpy.run_path("src/{verb}.py", run_name="__main__")
except SystemExit as end:
    code = end.code
heavy = sorted(set({heavy}) & set(sys.modules))
print("\\nended", code, *heavy)
"""


def started(verb: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """A verb in an interpreter that prints at the end its exit code and what it has imported of HEAVY."""
    code = SPY.format(verb=verb, words=list(words), heavy=HEAVY)
    environment = {"PYTHONPATH": "src", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
