"""`make coverage` counts what subprocesses, copies of the project and workers execute."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import coverage_table

MODULE = "def used():\n    return 1\n\n\ndef unused():\n    return 2\n"
# Ends as a worker does, with its own PYTHONPATH and in its own folder.
PROGRAM = "import os, harness.noun\nharness.noun.used()\nos._exit(0)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with this one's settings: a module that is used, and a package that nothing imports."""
    root = tmp_path / "project"
    for name, text in {
        "src/harness/__init__.py": "",
        "src/harness/noun.py": MODULE,
        "src/harness/idle/__init__.py": "LATER = 1\n",
        "src/verb.py": "print(1)\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "tools").mkdir()
    for name in ("pyproject.toml", "tools/coverage_table.py"):
        shutil.copyfile(coverage_table.ROOT / name, root / name)
    return root


def run(root: Path, *arguments: str, **more: str) -> str:
    """Run Python in the project, apart from the measurement that this test may be a part of."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=root, env=environment | more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_what_a_copy_executes_counts_for_the_file_that_it_is_a_copy_of(project, tmp_path):
    code = tmp_path / "elsewhere" / "runs" / "one" / "code"
    shutil.copytree(project / "src" / "harness", code / "harness")
    starter = (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[1]], cwd=sys.argv[2], check=True)\n"
    )
    (project / "starter.py").write_text(starter)
    run(project, "-m", "coverage", "run", "starter.py", PROGRAM, str(code), PYTHONPATH=str(code))
    assert [path.name for path in code.iterdir()] == ["harness"]
    assert run(project, "tools/coverage_table.py").splitlines() == [
        "package       statements  executed  coverage",
        "commands               1         0      0.0%",
        "harness/idle           1         0      0.0%",
        "harness                4         3     75.0%",
        "total                  6         3     50.0%",
    ]


def test_a_measurement_that_did_not_take_place_is_told_apart_from_zero(project):
    done = subprocess.run(
        [sys.executable, "tools/coverage_table.py"], cwd=project, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "no process left coverage data; type: make coverage\n")
