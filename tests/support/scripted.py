"""The program that is a command, in job folders of its own."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.contract import bundle, plan, serial
from harness.contract.job_folder import JobFolder
from tests.support import tiny
from tests.support.plans import NOW, PLACEMENT, PROVENANCE

from programs.scripted import PROGRAM, Settings  # isort: skip  # beside those of src/ since tiny was imported

SETTINGS = Settings(epochs=2, rate=0.05, shuffle=True, pause=0.0, does="train", seed=0)


def copy_source(root: Path) -> Path:
    """A project that holds src/ with the program in it, and the lock; nothing else."""
    tiny.copy_source(root)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(tiny.FOLDER / "scripted", root / "src" / "programs" / "scripted", ignore=ignored)
    return root


def stage(base: Path, root: Path, placement: plan.Placement = PLACEMENT, **changes: Any) -> JobFolder:
    """A job folder as a launcher lays it out; the settings are changed as told."""
    folder, chosen = JobFolder(base), replace(SETTINGS, **changes)
    files = bundle.collect(root, "scripted")
    bundle.write(files, folder.code)
    dataset = tiny.write_data(folder.dataset)
    experiment = plan.Experiment("scripted", asdict(chosen), dataset, bundle.code_hash(files), bundle.lock_hash(files))
    planned = plan.make(experiment, PROGRAM.describe("scripted", chosen), placement, PROVENANCE, NOW)
    (folder.code / "plan.json").write_text(serial.dumps(planned))
    return folder


def told(folder: JobFolder) -> dict[str, Any]:
    """What the script says of its environment."""
    content: dict[str, Any] = json.loads((folder.extras / "told.json").read_text())
    return content
