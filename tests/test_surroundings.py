"""Machines that lack what most have: a home, a name, an encoding, a place for caches, a clock that goes on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import clocks
from tests.support.projects import TINY, make_project, record_of, runs
from tests.support.verbs import ROOT

pytestmark = pytest.mark.slow  # each command is a program of its own
# A user without an entry in /etc/passwd, who owns the files but is not root: what is read-only is so to him.
NOBODY = ("unshare", "--user", "--map-user=12345", "--map-group=12345")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("surroundings") / "Prüfung ş")


def typed(project: Path, *words: str, before: tuple[str, ...] = (), shell: str = "", **environment: str):
    """A verb in an environment that has nothing but these variables."""
    variables = {"PATH": os.environ["PATH"], **environment}
    command = [*before, "bash", "-c", f'"$@" {shell}', "bash", sys.executable, f"src/{words[0]}.py", *words[1:]]
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def test_without_home_name_and_encoding_a_run_completes_and_data_is_looked_for(project):
    poor = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = typed(project, "train", *TINY, "mode.runner=process", before=NOBODY, **poor)
    assert done.returncode == 0, done.stderr
    assert record_of(runs(project)[-1]).status == "completed"
    done = typed(project, "fetch", "url=http://127.0.0.1:9/", before=NOBODY, **poor)
    assert done.returncode == 0 and "sample-digits" in done.stdout


def test_with_a_clock_that_is_set_back_and_caches_that_are_read_only_a_run_completes(project, tmp_path):
    clocks.lay_into(tmp_path)
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    done = typed(
        project,
        "train",
        *TINY,
        "mode.runner=process",
        "seed=1",
        before=NOBODY,
        shell="| head -n 1; exit ${PIPESTATUS[0]}",
        HOME=str(home),
        XDG_CACHE_HOME=str(home / "cache"),
        PYTHONPATH=str(tmp_path),
        LC_ALL="tr_TR.UTF-8",
    )
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    (run,) = (run for run in runs(project) if record_of(run).experiment.config["seed"] == 1)
    assert record_of(run).status == "completed"


def test_nothing_that_lasts_is_measured_by_a_clock_that_can_be_set():
    found = [
        path.name
        for path in (ROOT / "src").rglob("*.py")
        if re.search(r"\btime\.time(_ns)?\(\)", path.read_text())
        and not re.search(r"abs\(time\.time\(\) - |time_ns\(\) - FRESH", path.read_text())  # the age of a file
    ]
    assert found == []
