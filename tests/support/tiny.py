"""The tiny program, put beside those of src/: in this process, and in copies of the source tree that workers run."""

import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import programs
from harness.contract import bundle, job_folder, plan, serial
from tests.support.plans import NOW, PLACEMENT, PROVENANCE

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "programs"
if str(FOLDER) not in programs.__path__:
    programs.__path__.append(str(FOLDER))

from programs.tiny import PROGRAM, Settings  # noqa: E402

SETTINGS = Settings(epochs=2, rate=0.5, batch=50, pause=0.0, seed=0)  # six steps an epoch


def settings(**changes: Any) -> Settings:
    """A training of milliseconds."""
    return replace(SETTINGS, **changes)


def write_data(folder: Path) -> plan.DatasetId:
    """The points, in a new folder."""
    sample = PROGRAM.source().sample
    assert sample is not None
    return sample.write(folder)


def copy_source(root: Path) -> Path:
    """A project that holds src/ with this program in it, and the lock; nothing else."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", root / "src", ignore=ignored)
    shutil.copytree(FOLDER / "tiny", root / "src" / "programs" / "tiny", ignore=ignored)
    shutil.copy(ROOT / bundle.LOCK, root)
    return root


def stage(base: Path, root: Path, placement: plan.Placement = PLACEMENT, **changes: Any) -> job_folder.JobFolder:
    """A job folder as a launcher lays it out, with the code of the project at `root`."""
    folder = job_folder.JobFolder(base)
    chosen = settings(**changes)
    files = bundle.collect(root, "tiny")
    bundle.write(files, folder.code)
    dataset = write_data(folder.dataset)
    experiment = plan.Experiment("tiny", asdict(chosen), dataset, bundle.code_hash(files), bundle.lock_hash(files))
    planned = plan.make(experiment, PROGRAM.describe("tiny", chosen), placement, PROVENANCE, NOW)
    (folder.code / "plan.json").write_text(serial.dumps(planned))
    return folder


def start(folder: job_folder.JobFolder, **environment: str) -> "subprocess.Popen[str]":
    """The worker of a job folder, as a process of its own; what it prints can be read from its stdout."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness.worker", str(folder.base)],
        cwd=folder.code,
        env={**os.environ, "PYTHONPATH": str(folder.code), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
