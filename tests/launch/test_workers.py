"""Several workers of one job, as processes and as containers; typed in a copy of the project."""

import signal

import pytest

from tests.support.projects import (
    SLOW,
    TINY,
    broken,
    docker_kill,
    interrupted,
    make_project,
    record_of,
    runs,
    type_in,
)

pytestmark = [
    pytest.mark.slow,  # each command is a program of its own
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
]
TWO = ("mode.instance_count=2", "mode.threads=1")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("projects") / "project")


def train(project, *arguments):
    done = type_in(project, *TINY, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return record_of(runs(project)[-1])


@pytest.fixture(scope="module")
def processes(project):
    return train(project, "mode.runner=process", "epochs=10", *TWO)


def test_two_workers_end_with_equal_weights_and_the_loss_of_one(project, processes):
    one = train(project, "mode.runner=process", "epochs=10")
    first, second = processes.worker_weights
    assert first == second == processes.weights
    assert processes.experiment_id == one.experiment_id
    for name, value in one.results.metrics.items():
        assert processes.results.metrics[name] == pytest.approx(value, rel=1e-6), name


@pytest.mark.long
def test_a_lost_worker_is_named_within_a_minute_and_the_run_goes_on_with_resume(project, processes):
    run = broken(project, "epoch=2 ", signal.SIGKILL, *SLOW, "mode.runner=process", *TWO, worker="job/algo-2")
    assert record_of(run).reason.startswith("worker algo-2 of 2 was killed by SIGKILL")
    run = broken(project, "epoch=4 ", signal.SIGTERM, f"resume={run.name}", "mode.runner=process", *TWO, worker=None)
    assert record_of(run).reason == "stopped by SIGTERM"
    done = type_in(project, f"resume={run.name}", "mode.runner=process", *TWO)
    assert done.returncode == 0, done.stdout + done.stderr
    assert record_of(runs(project)[-1]).weights == processes.weights


def test_where_several_workers_cannot_train_it_is_one_line(project):
    done = type_in(project, "program=unruly", "does=train", "mode.runner=process", *TWO)
    assert done.returncode == 1
    assert "this program trains in one worker; legal: mode.instance_count=1" in record_of(runs(project)[-1]).reason


@pytest.mark.docker
def test_two_containers_give_the_weights_of_two_processes(project, processes, training_image):
    found = train(project, "mode.runner=container", "epochs=10", *TWO)
    assert found.placement.image == training_image
    assert found.worker_weights == processes.worker_weights


@pytest.mark.docker
@pytest.mark.long
def test_a_lost_container_is_named_within_a_minute(project, training_image):
    run = interrupted(project, lambda run: docker_kill(run, "algo-2"), *SLOW, *TWO)
    assert record_of(run).reason.startswith("worker algo-2 of 2: the worker was killed by SIGKILL")
