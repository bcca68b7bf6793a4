"""Runs that were killed or stopped go on, in processes and in containers, as a user types it."""

import csv
import signal
from pathlib import Path

import pytest

from tests.support.projects import TINY, broken, docker_kill, interrupted, make_project, record_of, runs, type_in

pytestmark = [
    pytest.mark.slow,  # each command is a program of its own
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
]

SLOWLY = (*TINY, "pause=0.1")  # six steps an epoch


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("projects") / "project")


@pytest.mark.long
def test_a_killed_worker_is_a_failed_run_that_says_so_and_goes_on_with_resume(project):
    run = broken(project, "epoch=2 ", signal.SIGKILL, "mode.runner=process", *SLOWLY, "epochs=6")
    found = record_of(run)
    assert found.status == "failed"
    assert "SIGKILL" in found.reason
    assert (run / "metrics.csv").read_text().startswith("epoch,step,")  # what was known is kept
    assert not (run / "job").exists()
    for arguments, says in (
        ([f"resume={run.name}", "epochs=9"], "takes epochs from the run"),
        (["resume=20200101T000000Z-00000000"], "there is no such run"),
    ):
        done = type_in(project, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert says in done.stderr
    done = type_in(project, f"resume={run}", "mode.runner=process")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "resumed after step " in done.stdout
    second = record_of(runs(project)[-1])
    assert (second.experiment_id, second.provenance.resumed) == (found.experiment_id, run.name)
    with (runs(project)[-1] / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == list("123456")
    done = type_in(project, f"resume={runs(project)[-1]}")
    assert done.returncode == 2
    assert "has completed" in done.stderr


@pytest.mark.docker
@pytest.mark.long
def test_killed_and_stopped_in_containers_it_ends_with_the_weights_of_an_unbroken_run(project, training_image):
    unbroken = type_in(project, "mode.runner=process", *TINY, "epochs=10")
    assert unbroken.returncode == 0, unbroken.stderr
    expected = record_of(runs(project)[-1]).weights
    killed = interrupted(project, lambda run: docker_kill(run, "algo-1"), *SLOWLY, "epochs=10")
    assert "SIGKILL" in record_of(killed).reason
    stopped = interrupted(project, None, f"resume={killed.name}")
    assert record_of(stopped).reason == "stopped by SIGTERM"
    done = type_in(project, "mode.runner=process", f"resume={stopped.name}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record_of(runs(project)[-1]).weights == expected
