"""A sweep's runs as DVC experiments: rows of `dvc exp show`, by git's own means and without touching the working tree.

DVC keeps an experiment as a commit under refs/exps/<baseline's commit>/<name>
(https://dvc.org/doc/user-guide/experiment-management/persisting-experiments). Ours has the settings in conf/ and the
metrics file that the pipeline writes; it is no run of the pipeline: `dvc exp apply` brings the settings.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.provenance import repository
from harness.runs.stored import StoredRun

METRICS = "results/train/metrics.json"
AUTHOR = {
    f"GIT_{role}_{name}": value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in (("NAME", "harness"), ("EMAIL", "harness@localhost"))
}


class GitFailed(Exception):
    """A git command that failed: then there is no experiment, and the run is none the worse."""


def show(root: Path, run: StoredRun) -> bool:
    """Make a run of a sweep an experiment of its commit; False where there is no such commit here."""
    experiment, git, sweep = run.plan.experiment, run.plan.provenance.git, run.plan.provenance.sweep
    if git is None or sweep is None:
        return False
    last = run.epochs[-1] if run.epochs else {}
    metrics: dict[str, Any] = {
        name: value for name, value in last.items() if name.startswith(("train_", "validation_"))
    }
    if run.record and run.record.results:
        metrics |= run.record.results.metrics | {"weights": run.record.weights}
    values = {**experiment.config, "sweep": sweep}
    try:
        commit = _commit(root, git.commit, files(experiment.program), values, {**metrics, "status": run.status})
        name = f"{re.sub('[^A-Za-z0-9-]', '-', sweep)}-{run.run_id}"
        _git(root, "update-ref", f"refs/exps/{git.commit[:2]}/{git.commit[2:]}/{name}", commit)
    except (OSError, GitFailed):
        return False
    return True


def files(program: str) -> tuple[str, ...]:
    """The files whose values dvc.yaml shows of a program, as far as it has them."""
    return "conf/config.yaml", f"conf/program/{program}.yaml", f"conf/scale_of/{program}/quick.yaml"


def _commit(
    root: Path, base: str, paths: tuple[str, ...], values: Mapping[str, Any], metrics: Mapping[str, Any]
) -> str:
    prefix = _git(root, "rev-parse", "--show-prefix")
    contents = {METRICS: json.dumps(metrics, indent=2, sort_keys=True) + "\n"}
    for path in _git(root, "ls-tree", "--name-only", base, "--", *paths).splitlines():
        contents[path] = _with_values(_git(root, "show", f"{base}:{prefix}{path}") + "\n", values)
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), **AUTHOR}
        _git(root, "read-tree", base, **index)
        for path, text in contents.items():
            blob = _git(root, "hash-object", "-w", "--stdin", stdin=text)
            _git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{prefix}{path}", **index)
        tree = _git(root, "write-tree", **index)
        return _git(root, "commit-tree", tree, "-p", base, "-m", "a run of a sweep", **index)


def _with_values(text: str, values: Mapping[str, Any]) -> str:
    """The lines of a YAML file whose values are these scalars; comments stay."""
    for name, value in values.items():
        shown = f"{name}: {json.dumps(value)}".replace("\\", r"\\")
        text = re.sub(rf"(?m)^{name}: [^ #\n]+", shown, text)
    return text


def _git(root: Path, *arguments: str, stdin: str = "", **environment: str) -> str:
    done = repository.run(root, *arguments, stdin=stdin, **environment)
    if done.returncode:
        raise GitFailed(done.stderr.strip())
    return done.stdout.strip()
