"""The demonstration shows what it says, without network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.projects import PLANTED, make_project, record_of

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.usefixtures("comet_aside", "plots_aside")]


def without_network(command: list[str]) -> list[str]:
    """The command in a network namespace with nothing in it, where this user may make one."""
    wrapped = ["unshare", "--net", "--map-root-user"]
    able = shutil.which("unshare") and subprocess.run([*wrapped, "true"], capture_output=True, check=False)
    return [*wrapped, *command] if able and able.returncode == 0 else command


def test_it_trains_twice_replays_compares_exports_and_reports(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    command = without_network([sys.executable, "tools/demo.py"])
    done = subprocess.run(
        command, cwd=project, env={**os.environ, **PLANTED}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = project / "runs" / "demo"
    first, second, same, other = (record_of(path) for path in sorted(folder.glob("2*[0-9a-f]")))
    assert first.experiment.config != second.experiment.config
    assert same.weights == first.weights and other.weights != first.weights
    assert f"verdict   IDENTICAL to {first.run_id}" in done.stdout
    assert f"verdict   DIFFERENT from {first.run_id}" in done.stdout
    assert "learning_rate  0.0005" in done.stdout
    assert (folder / f"{first.run_id}.zip").exists() and second.run_id in (folder / "report.html").read_text()
    assert all(line.startswith("$ python src/") for line in done.stdout.splitlines() if line.startswith("$"))


def test_a_step_that_goes_wrong_ends_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "conf/program/reviews.yaml").unlink()
    done = subprocess.run(
        [sys.executable, "tools/demo.py"], cwd=project, env={**os.environ, **PLANTED}, capture_output=True, text=True
    )
    assert done.returncode == 1 and "exit code 2" in done.stderr
    assert "2. " not in done.stdout
