import json
import signal
from pathlib import Path

import pytest

from harness.contract import job, record
from harness.contract.errors import RunFailed
from harness.frameworks import tensorflow
from tests.support.projects import SMALL, broken, docker_kill, interrupted, make_project, record_of, runs, type_in

pytestmark = pytest.mark.slow  # the last ones: each worker is a program of its own that imports TensorFlow


def test_the_hosts_are_those_of_sagemakers_file_and_the_first_is_the_chief(tmp_path):
    path = tmp_path / "resourceconfig.json"
    sagemakers = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"], "network_interface_name": "eth0"}
    path.write_text(json.dumps(sagemakers))
    found = job.read(path)
    assert found == job.Workers(("algo-1", "algo-2"), "algo-2")
    assert not found.chief
    assert job.Workers(found.hosts, "algo-1").chief


def test_without_that_file_there_is_one_worker_and_no_strategy(tmp_path):
    alone = job.read(tmp_path / "resourceconfig.json")
    assert alone.chief
    assert tensorflow.gather(None, "text") == ["text"]


class UnavailableError(Exception):
    """Named as TensorFlow's."""


def test_a_lost_worker_is_one_line_and_any_other_error_stays_what_it_is():
    two = job.Workers(("algo-1", "algo-2"), "algo-1")
    with (
        pytest.raises(RunFailed, match=r"^algo-1 lost another of the 2 workers: it has ended$"),
        tensorflow.loss_told(two),
    ):
        raise UnavailableError("Graph execution error:\n\n many lines")
    with pytest.raises(ValueError, match="mine"), tensorflow.loss_told(two):
        raise ValueError("mine")
    with pytest.raises(UnavailableError), tensorflow.loss_told(job.Workers(("algo-1",), "algo-1")):
        raise UnavailableError


TWO = ("mode.instance_count=2", "mode.threads=1")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("projects") / "project")


@pytest.fixture(scope="module")
def two_processes(project: Path) -> record.RunRecord:
    done = type_in(project, "mode.runner=process", *SMALL, *TWO)
    assert done.returncode == 0, done.stdout + done.stderr
    return record_of(runs(project)[-1])


def test_two_workers_end_with_equal_weights_and_the_loss_of_one(project, two_processes):
    done = type_in(project, "mode.runner=process", *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    one = record_of(runs(project)[-1])
    first, second = two_processes.worker_weights
    assert first == second == two_processes.weights
    assert two_processes.experiment_id == one.experiment_id
    assert two_processes.results.train_loss == pytest.approx(one.results.train_loss, abs=1e-3)
    assert two_processes.results.validation_loss == pytest.approx(one.results.validation_loss, abs=1e-2)


def test_a_lost_worker_is_named_within_a_minute_and_the_run_goes_on_with_resume(project):
    run = broken(project, "epoch=2 ", signal.SIGKILL, "mode.runner=process", "epochs=9", *TWO, worker="job/algo-2")
    assert record_of(run).reason.startswith("worker algo-2 of 2 was killed by SIGKILL")
    run = broken(project, "epoch=4 ", signal.SIGTERM, f"resume={run.name}", "mode.runner=process", *TWO, worker=None)
    assert record_of(run).reason == "stopped by SIGTERM"
    done = type_in(project, f"resume={run.name}", "mode.runner=process", "mode.instance_count=1")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.docker
def test_two_containers_give_the_weights_of_two_processes(project, two_processes, training_image):
    done = type_in(project, "mode.runner=container", *SMALL, *TWO)
    assert done.returncode == 0, done.stdout + done.stderr
    found = record_of(runs(project)[-1])
    assert found.placement.image == training_image
    assert found.worker_weights == two_processes.worker_weights


@pytest.mark.docker
def test_a_lost_container_is_named_within_a_minute(project, training_image):
    run = interrupted(project, lambda run: docker_kill(run, "algo-2"), "epochs=20", *TWO)
    assert record_of(run).reason.startswith("worker algo-2 of 2: the worker was killed by SIGKILL")
