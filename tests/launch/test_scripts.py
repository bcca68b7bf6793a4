"""A program that is a command, as a user types it: in a process and in a container of its own, stopped and resumed."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.contract import metrics
from harness.launch import engine
from tests.support import programs
from tests.support.lacking import lacking
from tests.support.projects import broken, git, make_project, record_of, runs, type_in

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")

SCRIPT = ("program=scripted", "mode.threads=1")
PROCESS, CONTAINER = "mode.runner=process", "mode.runner=container"
OWN = "src/programs/scripted/requirements.lock"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose program has a lock of its own, which the project's environment satisfies."""
    folder = make_project(tmp_path_factory.mktemp("projects") / "project")
    whole = (folder / "requirements.lock").read_text()
    found = re.search(r"^packaging==.*\n(?: +--hash.*\n)+", whole, re.MULTILINE)
    assert found
    (folder / OWN).write_text(found[0])
    git(folder, "add", ".")
    git(folder, "commit", "-m", "a lock of its own")
    return folder


def newest(project: Path) -> Path:
    return runs(project)[-1]


@pytest.mark.long
def test_stopped_with_its_host_and_resumed_it_ends_with_the_same_weights(project: Path) -> None:
    done = type_in(project, *SCRIPT, PROCESS, "epochs=4")
    assert done.returncode == 0, done.stdout + done.stderr
    unbroken = record_of(newest(project))
    assert unbroken.weights and (newest(project) / "extras" / "weights.npz").exists()
    run = broken(project, "epoch=1 ", signal.SIGTERM, *SCRIPT, PROCESS, "epochs=4", "pause=2", worker=None)
    assert record_of(run).reason == "stopped by SIGTERM"
    assert os.access(run / "code" / "programs" / "scripted", os.W_OK)
    done = type_in(project, f"resume={run.name}", PROCESS)
    assert done.returncode == 0, done.stdout + done.stderr
    resumed = record_of(newest(project))
    assert "resumed after epoch " in done.stdout
    assert (resumed.weights, resumed.provenance.resumed) == (unbroken.weights, run.name)
    assert [row["epoch"] for row in metrics.epochs(newest(project) / "metrics.csv")] == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.long
def test_exported_it_replays_in_another_clone_whatever_its_lock_is_there(project: Path, tmp_path: Path) -> None:
    assert type_in(project, *SCRIPT, PROCESS).returncode == 0
    original, archive, clone = record_of(newest(project)), tmp_path / "run.zip", tmp_path / "clone"
    assert type_in(project, newest(project).name, f"output={archive}", verb="export").returncode == 0
    subprocess.run(["git", "clone", "--quiet", project, clone], check=True)
    shutil.copytree(project / programs.POINTS, clone / programs.POINTS)
    (clone / OWN).write_text("numpy==0.0.1\n")
    replayed = type_in(clone, str(archive), verb="replay")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert f"verdict   IDENTICAL to {original.run_id}" in replayed.stdout
    assert record_of(newest(clone)).experiment.lock == original.experiment.lock


def test_a_script_that_is_deaf_is_killed_after_its_own_grace(project: Path) -> None:
    began = time.monotonic()
    deaf = ("does=be deaf", "epochs=50", "pause=1")
    run = broken(project, "deaf", signal.SIGTERM, *SCRIPT, PROCESS, *deaf, worker=None)
    assert record_of(run).reason == "stopped by SIGTERM; train.py ignored SIGTERM for 1 s and was killed"
    assert time.monotonic() - began < 60


def test_a_killed_worker_leaves_a_run_that_can_be_removed_and_resumed(project: Path) -> None:
    run = broken(project, "epoch=1 ", signal.SIGKILL, *SCRIPT, PROCESS, "epochs=3", "pause=2")
    assert "SIGKILL" in str(record_of(run).reason)
    home = run / "code" / "programs" / "scripted"
    assert all(path.stat().st_mode & 0o200 for path in (home, home / "train.py"))
    assert type_in(project, f"resume={run.name}", PROCESS).returncode == 0


def test_several_workers_are_refused_where_the_command_is_for_one(project: Path) -> None:
    path = project / "src" / "programs" / "scripted" / "__init__.py"
    text = path.read_text()
    path.write_text(text.replace("workers=True", "workers=False"))
    done = type_in(project, *SCRIPT, PROCESS, "mode.instance_count=2")
    path.write_text(text)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "this program is a command for one worker; legal: mode.instance_count=1" in done.stderr


def test_several_workers_run_it_each_and_find_the_others(project: Path) -> None:
    done = type_in(project, *SCRIPT, PROCESS, "mode.instance_count=2", "does=tell its environment")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((newest(project) / "extras" / "told.json").read_text())["environment"]
    assert (json.loads(told["SM_HOSTS"]), told["SM_CURRENT_HOST"]) == (["algo-1", "algo-2"], "algo-1")


@pytest.mark.docker
@pytest.mark.long
def test_its_container_has_its_own_libraries_alone_and_gives_the_same_weights(project: Path) -> None:
    refused = type_in(project, *SCRIPT, CONTAINER)
    name = engine.image_name(project, "scripted")
    if refused.returncode:  # its image is not there yet
        assert f"needs the image {name}; legal: auto | process; type: make image LOCK={OWN}" in refused.stderr
        command = ["sh", "tools/image.sh"]
        subprocess.run(command, cwd=project, env={**os.environ, "LOCK": OWN}, check=True, capture_output=True)
    asked = ["docker", "run", "--rm", name, "pip", "list", "--format", "freeze"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert "packaging==" in listed and "numpy" not in listed
    records = []
    for runner in (PROCESS, CONTAINER):
        done = type_in(project, *SCRIPT, runner)
        assert done.returncode == 0, done.stdout + done.stderr
        records.append(record_of(newest(project)))
    process, container = records
    assert (process.weights, process.results) == (container.weights, container.results)
    assert container.placement.image == name
    assert container.environment is not None and set(container.environment["packages"]) == {"packaging"}


@pytest.mark.docker
@pytest.mark.long
def test_in_a_container_too_it_must_not_write_into_its_folder(project: Path) -> None:
    if engine.image_id(engine.image_name(project, "scripted")) is None:
        lacking("its image is not there")
    done = type_in(project, *SCRIPT, CONTAINER, "does=write into its folder")
    assert done.returncode == 1
    reason = str(record_of(newest(project)).reason)
    assert "wrote into its own folder: cache.txt" in reason or "PermissionError" in reason
    shutil.rmtree(newest(project))  # nothing in it is read-only
