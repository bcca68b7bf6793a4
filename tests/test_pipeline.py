"""DVC's pipeline on a copy of the project, with the real DVC and small trainings on the bundled sample."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.projects import git, make_project, record_of, runs

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")

QUICK = "conf/scale_of/cifar10/quick.yaml"
BIN = Path(sys.executable).parent


def dvc(project: Path, *arguments: str) -> str:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COMET_API_KEY": ""}
    done = subprocess.run(
        ["dvc", *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone without data whose quick scale is quicker, after its first `dvc repro`."""
    folder = make_project(tmp_path_factory.mktemp("pipelines") / "project")
    for name, changes in (
        ("conf/program/cifar10.yaml", {"resnet_size": "8"}),
        (QUICK, {"epochs": "1", "num_data_batches": "1", "warmup_epochs": "0.0"}),
        ("conf/mode/local.yaml", {"runner": "process"}),
    ):
        text = (folder / name).read_text()
        for key, value in changes.items():
            text = re.sub(rf"^(\s*{key}:) [^ #\n]+", rf"\1 {value}", text, flags=re.MULTILINE)
        (folder / name).write_text(text)
    git(folder, "commit", "-am", "quicker")
    printed = dvc(folder, "repro")
    assert [stage for stage in ("fetch", "train", "evaluate") if f"Running stage '{stage}'" not in printed] == []
    git(folder, "add", "dvc.lock")
    git(folder, "commit", "-m", "ran")
    return folder


@pytest.mark.long
@pytest.mark.slow  # three trainings, each in an interpreter of its own that imports TensorFlow
def test_the_pipeline_runs_once_repeats_its_bytes_and_compares_experiments(project):
    (first,) = runs(project)
    recorded = record_of(first)
    published = json.loads((project / "results/train/metrics.json").read_text())
    evaluated = json.loads((project / "results/evaluate/metrics.json").read_text())
    assert recorded.provenance.git.dirty is False  # dvc.lock, which DVC writes meanwhile, is not the user's work
    assert published["weights"] == recorded.weights
    assert evaluated["test_accuracy"] == published["test_accuracy"] == recorded.value("test")

    again = dvc(project, "repro")
    assert "Stage 'train' didn't change" in again
    assert "Stage 'evaluate' didn't change" in again
    assert len(runs(project)) == 1

    lock = (project / "dvc.lock").read_bytes()
    dvc(project, "repro", "--force")
    assert len(runs(project)) == 2
    assert (project / "dvc.lock").read_bytes() == lock

    dvc(project, "exp", "run", "-S", f"{QUICK}:epochs=2")
    assert (project / QUICK).read_text().startswith("# @package _global_\n")  # without it the scale would be lost
    assert record_of(runs(project)[-1]).experiment.config["epochs"] == 2
    rows = list(csv.DictReader(io.StringIO(dvc(project, "exp", "show", "--csv"))))
    shown = [{name.rpartition(":")[2]: value for name, value in row.items()} for row in rows]
    assert {(row["epochs"], row["weights"] != "") for row in shown} >= {("1", True), ("2", True)}
    assert len({row["weights"] for row in shown} - {""}) == 2
    difference = json.loads(dvc(project, "metrics", "diff", "--json"))
    assert "test_accuracy" in difference["results/train/metrics.json"]
    page = dvc(project, "plots", "show").strip().removeprefix("file://")
    text = Path(page).read_text()
    assert "Learning curve" in text
    assert "Confusion on the test set" in text
