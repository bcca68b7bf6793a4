"""A project that trains the program of three classes, with a pipeline, a DVC remote and a git remote."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from harness.sharing import promotions
from tests.support.projects import PLANTED, git, make_project, runs, type_in

BIN = Path(sys.executable).parent

CENTRES = ((0.0, 0.0), (1.6, 0.0), (0.8, 2.0))  # of cat, dog, ship, each with a standard deviation of 0.8
PIPELINE = """stages:
  fetch:
    cmd: python src/fetch.py publish=results
    always_changed: true
    outs: [results/dataset.json]
  train:
    cmd: python src/train.py mode=local publish=results/train
    deps: [conf, results/dataset.json, src/harness/contract, src/harness/worker, src/programs/blobs]
    outs: [results/train/model.npy]
    metrics: [results/train/metrics.json]
"""


def write_points(project: Path, cats: int = 800) -> None:
    """800 points of each class to train on, but of cats so many, and 500 of each to test; pinned by DVC."""
    (project / "blobs").mkdir(exist_ok=True)
    for name, size in (("train", 800), ("test", 500)):
        points = np.random.default_rng(size).normal(size=(3, size, 2)) * 0.8 + np.array(CENTRES)[:, None]
        counts = (cats if name == "train" else size, size, size)
        lines = [f"{x:.3f},{y:.3f},{label}\n" for label in range(3) for x, y in points[label][: counts[label]]]
        (project / "blobs" / f"{name}.csv").write_text("".join(lines))
    dvc(project, "add", "--quiet", "blobs")


def dvc(project: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(folder: Path) -> Path:
    """The project in `folder`/project, on main, pushed to `folder`/git.git; DVC's remote is `folder`/store."""
    project = make_project(folder / "project")
    config = project / "conf" / "config.yaml"
    config.write_text(config.read_text().replace("program: cifar10", "program: blobs"))
    local = project / "conf" / "mode" / "local.yaml"
    local.write_text(local.read_text().replace("runner: auto", "runner: process").replace("threads: 0", "threads: 1"))
    (project / "dvc.yaml").write_text(PIPELINE)
    dvc(project, "remote", "add", "--quiet", "--default", "store", str(folder / "store"))
    write_points(project)
    dvc(project, "push", "--quiet")
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        git(project, "config", key, value)
    git(project, "add", ".")
    git(project, "commit", "-m", "points")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder / "git.git")], check=True)
    git(project, "remote", "add", "origin", str(folder / "git.git"))
    git(project, "push", "--quiet", "--set-upstream", "origin", "main")
    return project


def clone(folder: Path, name: str) -> Path:
    """Another checkout of the same remote, by somebody of that name."""
    project = folder / name
    subprocess.run(["git", "clone", "--quiet", str(folder / "git.git"), str(project)], check=True)
    for key, value in (("user.name", name), ("user.email", f"{name}@example.org")):
        git(project, "config", key, value)
    return project


def typed(project: Path, verb: str, *words: str, code: int = 0) -> str:
    """What a verb prints, which has to end with that exit code."""
    done = type_in(project, *words, verb=verb)
    assert done.returncode == code, f"{verb} {words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def trained(project: Path, *words: str) -> str:
    """The id of a new run, that was replayed."""
    typed(project, "train", *words)
    run = runs(project)[-1].name
    typed(project, "replay", run)
    return run


def shell(project: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command of CI's, which finds this environment where the project's own would be."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **PLANTED, "PATH": path, **environment}
    return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False)


def on_main(project: Path) -> None:
    """Its code, and its data."""
    git(project, "switch", "--quiet", "main")
    dvc(project, "checkout", "--quiet", "--force", "blobs.dvc")


def branched(project: Path, name: str) -> None:
    on_main(project)
    git(project, "switch", "--quiet", "--create", name)


def in_force(project: Path) -> str:
    """The run that the history of a checkout says is in force."""
    found = promotions.read(project, "blobs").in_force
    assert found is not None
    return found.run_id


def git_says(project: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(project), *words], capture_output=True, text=True, check=True).stdout
