"""A sweep's runs as DVC experiments: rows of `dvc exp show`, by git's own means and without touching the working tree.

DVC keeps an experiment as a commit under refs/exps/<baseline's commit>/<name>
(https://dvc.org/doc/user-guide/experiment-management/persisting-experiments). Ours has the settings in conf/ and the
metrics file that the pipeline writes; it is no run of the pipeline: `dvc exp apply` brings the settings.
"""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.runs.stored import StoredRun

METRICS = "results/train/metrics.json"
FILES = ("conf/config.yaml", "conf/scale/quick.yaml")  # whose values dvc.yaml shows
WHO = {
    f"GIT_{role}_{name}": value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in (("NAME", "harness"), ("EMAIL", "harness@localhost"))
}


def show(root: Path, past: StoredRun) -> bool:
    """Make a run of a sweep an experiment of its commit; False where there is no such commit here."""
    git, sweep = past.plan.provenance.git, past.plan.provenance.sweep
    if git is None or sweep is None:
        return False
    found: dict[str, Any] = {"status": past.status}
    if past.epochs:
        last = past.epochs[-1]
        names = ("train_accuracy", "validation_accuracy", "validation_loss")
        found |= {name: last[name] for name in names if name in last}
    if past.record and past.record.results:
        found |= {"test_accuracy": past.record.results.test_accuracy, "weights": past.record.weights}
    try:
        commit = _commit(root, git.commit, {**past.plan.experiment.config, "sweep": sweep}, found)
        name = f"{re.sub('[^A-Za-z0-9-]', '-', sweep)}-{past.run_id}"
        _git(root, "update-ref", f"refs/exps/{git.commit[:2]}/{git.commit[2:]}/{name}", commit)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _commit(root: Path, base: str, values: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    prefix = _git(root, "rev-parse", "--show-prefix")
    contents = {METRICS: json.dumps(found, indent=2, sort_keys=True) + "\n"}
    for path in FILES:
        contents[path] = _with(_git(root, "show", f"{base}:{prefix}{path}") + "\n", values)
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), **WHO}
        _git(root, "read-tree", base, **index)
        for path, text in contents.items():
            blob = _git(root, "hash-object", "-w", "--stdin", stdin=text)
            _git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{prefix}{path}", **index)
        tree = _git(root, "write-tree", **index)
        return _git(root, "commit-tree", tree, "-p", base, "-m", "a run of a sweep", **index)


def _with(text: str, values: Mapping[str, Any]) -> str:
    """The lines of a YAML file whose values are these scalars; comments stay."""
    for name, value in values.items():
        shown = f"{name}: {json.dumps(value)}".replace("\\", r"\\")
        text = re.sub(rf"(?m)^{name}: [^ #\n]+", shown, text)
    return text


def _git(root: Path, *arguments: str, stdin: str | None = None, **environment: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        input=stdin,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
