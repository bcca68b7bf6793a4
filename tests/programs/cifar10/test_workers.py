"""Two real workers: what one is told both do, and one that is lost is named by the other."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.contract import record
from tests.support.projects import SMALL, make_project, record_of, runs, type_in

ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
]  # each worker is a program of its own that imports TensorFlow


# The second of two workers is asked to stop in its first training, and killed in the second one, which resumes; alone,
# the first one then resumes that too.
WORKER = """
import json, os, signal, sys
from pathlib import Path
from tests.support import small_data
from harness.contract.errors import RunFailed
from harness.contract.job import Workers
from harness.frameworks.tensorflow import Replicas
from harness.worker import clock, loop
from programs.cifar10 import training
folder, own, *hosts = sys.argv[1:]
group = Replicas(Workers(tuple(hosts), hosts[int(own)])) if hosts else Replicas(Workers(("algo-1",), "algo-1"))
def train(stop):
    steps = training.ResNetTraining(small_data.training(), small_data.dataset(), group.strategy)
    checkpointer = loop.Checkpointer(Path(folder), "a" * 64, 0.0, own == "0")
    notes = []
    own_loop = loop.Loop(steps, "images", notes.append, checkpointer, clock.Clock(), group, lambda: stop(steps.step))
    try:
        with group.lost_workers_named():
            trained = own_loop.run()
    except RunFailed as error:
        print(json.dumps([steps.step, str(error), notes[0].get("note") if notes else None]), flush=True)
    else:
        print(json.dumps([steps.step, trained.worker_weights, notes[0]["note"]]), flush=True)
if not hosts:
    train(lambda step: None)
else:
    train(lambda step: "stopped by a test" if own == "1" and step == 7 else None)
    train(lambda step: os.kill(os.getpid(), signal.SIGKILL) if own == "1" and step == 10 else None)
os._exit(0)
"""


def worker(folder: Path, own: int, *hosts: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", WORKER, str(folder), str(own), *hosts]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def lines(process: "subprocess.Popen[str]") -> list[Any]:
    return [json.loads(line) for line in process.communicate(timeout=250)[0].splitlines()]


def test_two_stop_together_and_one_that_loses_the_other_says_so_within_a_minute(tmp_path: Path) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    chief, other = (worker(tmp_path, own, *hosts) for own in range(2))
    try:
        assert other.wait(250) == -signal.SIGKILL
        lost = time.monotonic()
        found = lines(chief)
        assert time.monotonic() - lost < 60
    finally:
        for process in (chief, other):
            process.kill()
            process.wait()
    assert lines(other) == [[8, "stopped by a test", None]]
    assert found[0] == [8, "another worker was stopped", None]
    step, reason, note = found[1]
    assert note == "resumed after step 8 of 12"
    assert reason == f"{hosts[0]} lost another of the 2 workers: it has ended"
    newest = max(path.name for path in tmp_path.iterdir())
    assert newest in ("step-000000010.ckpt", "step-000000011.ckpt") and step >= 10
    (alone,) = lines(worker(tmp_path, 0))
    assert alone[0] == 12 and len(alone[1]) == 1
    assert alone[2] == f"resumed after step {int(newest[5:14])} of 12"


TWO = ("mode.instance_count=2", "mode.threads=1")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("projects") / "project")


@pytest.fixture(scope="module")
def two_processes(project: Path) -> record.RunRecord:
    done = type_in(project, "mode.runner=process", *SMALL, *TWO)
    assert done.returncode == 0, done.stdout + done.stderr
    return record_of(runs(project)[-1])


@pytest.mark.docker
def test_two_containers_give_the_weights_of_two_processes(
    project: Path, two_processes: record.RunRecord, training_image: str
) -> None:
    done = type_in(project, "mode.runner=container", *SMALL, *TWO)
    assert done.returncode == 0, done.stdout + done.stderr
    found = record_of(runs(project)[-1])
    assert found.placement.image == training_image
    first, second = two_processes.worker_weights
    assert first == second == two_processes.weights
    assert found.worker_weights == two_processes.worker_weights
