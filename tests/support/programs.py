"""The programs of tests/programs: laid into a project, as a bundle, and as the plan of a run."""

import functools
import shutil
import tempfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import programs
from harness.contract import bundle, identity, plan
from harness.contract.plan import DatasetId, Placement, RunPlan
from harness.settings.project import ROOT

PROGRAMS = ROOT / "tests" / "programs"
if str(PROGRAMS) not in programs.__path__:  # in this process they are beside those of src/
    programs.__path__.append(str(PROGRAMS))

NAMES = ("tiny", "unruly", "scripted", "broken_dropout", "broken_momentum", "broken_order", "blobs")
POINTS = "points"  # the folder of the tiny program's data
PLACEMENT = Placement("local", "process", "asked for", 1, 1, "local_cpu", 60.0, None, None)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PROVENANCE = plan.Provenance("2026-01-02T03:04:05+00:00", ("train.py",), None, (), None, "a" * 64)
DATA = DatasetId("points", f"{'0' * 32}.dir", 1, False, (plan.FileId("train.csv", "0" * 32, 1),))
SETTINGS: dict[str, dict[str, Any]] = {
    "tiny": {"epochs": 2, "rate": 0.1, "batch": 50, "pause": 0.0, "seed": 0},
    "unruly": {"does": "train", "seed": 0},
    "scripted": {"epochs": 2, "rate": 0.05, "shuffle": True, "pause": 0.0, "does": "train", "seed": 0},
}


def lay_into(project: Path) -> None:
    """Add these programs, their part of conf/ and the tiny program's pinned data to a project."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in NAMES:
        shutil.copytree(PROGRAMS / name, project / "src" / "programs" / name, ignore=ignored)
    shutil.copytree(PROGRAMS / "conf", project / "conf", dirs_exist_ok=True)
    with (project / ".gitignore").open("a") as file:
        print(f"\n# data of the tests\n/{POINTS}", file=file)
    pin_points(project)


def pin_points(project: Path, count: int = 350) -> None:
    """Give the tiny program other data than its sample, and pin it: `count` points to train on, 200 to test."""
    shutil.rmtree(project / POINTS, ignore_errors=True)
    (project / POINTS).mkdir()
    for name, size in (("train", count), ("test", 200)):
        rows = np.random.default_rng(size).normal(size=(size, 2)).round(3)
        labels = rows.sum(axis=1) > 0.5
        lines = [f"{x},{y},{int(label)}\n" for (x, y), label in zip(rows, labels, strict=True)]
        (project / POINTS / f"{name}.csv").write_text("".join(lines))
    pin = identity.identify(project / POINTS, POINTS).hash
    (project / "tiny.dvc").write_text(f"outs:\n- md5: {pin}\n  hash: md5\n  path: {POINTS}\n")


@functools.cache
def bundle_of(program: str) -> dict[str, bytes]:
    """The bundle of one of these programs."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / bundle.LOCK, root / bundle.LOCK)
        lay_into(root)
        return bundle.collect(root, program)


def planned(program: str, data: DatasetId = DATA, placement: Placement = PLACEMENT, **settings: Any) -> RunPlan:
    """The plan of a run of one of these programs."""
    files, config = bundle_of(program), SETTINGS[program] | settings
    described = import_module(f"programs.{program}").PROGRAM
    experiment = plan.Experiment(program, config, data, bundle.code_hash(files), bundle.lock_hash(files))
    description = described.describe(program, described.settings(**config))
    return plan.make(experiment, description, placement, PROVENANCE, NOW)
