"""A training that is killed and resumed, however often and wherever, ends with the bits of an unbroken one."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.contract import bundle, identity, plan, serial
from harness.contract.job_folder import JobFolder
from tests.fakes.fork_server import Forge
from tests.support import small_data
from tests.support.plans import PLACEMENT, PROVENANCE

ROOT = Path(__file__).parents[3]
KILLS = 4  # of each training
VARIANTS: dict[str, dict[str, Any]] = {
    "v1": {},
    "v2, alternate flips": {"resnet_version": 2, "alternate_flips": True},
    "small images first": {"small_epochs": 3.5, "nesterov": False, "optimizer": "muon"},
}
pytestmark = pytest.mark.slow  # some thirty trainings


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    forge = Forge()
    yield forge
    forge.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    small_data.write(folder)
    return folder


def stage(base: Path, data: Path, changes: dict[str, Any], seconds: float) -> JobFolder:
    """A job folder as a launcher lays it out; a state is kept after `seconds`."""
    job = JobFolder(base)
    files = bundle.collect(ROOT)
    bundle.write(files, job.code)
    job.dataset.symlink_to(data)
    config = asdict(small_data.training(epochs=8, **changes))
    dataset = identity.identify(data, "small")
    experiment = plan.Experiment(config, dataset, bundle.code_hash(files), bundle.lock_hash(files))
    placement = replace(PLACEMENT, checkpoint_seconds=seconds)
    job.plan.write_text(serial.dumps(plan.make(experiment, placement, PROVENANCE, datetime.now(UTC))))
    return job


def record(job: JobFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(job.record.read_text())
    return found


def kept(job: JobFolder) -> int:
    """The step of the newest state."""
    return max((int(path.stem.split("-")[1]) for path in job.checkpoints.glob("step-*.ckpt")), default=0)


@pytest.fixture(scope="module", params=VARIANTS)
def unbroken(
    request: pytest.FixtureRequest, forge: Forge, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A variant, and the record of its training when nothing disturbs it."""
    changes = VARIANTS[request.param]
    job = stage(tmp_path_factory.mktemp("unbroken"), data, changes, 60.0)
    forge.start(job.base)
    assert forge.end() == 0, (job.base / "log.txt").read_text()
    return changes, record(job)


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_killed_at_random_steps_it_ends_with_the_same_weights(
    unbroken: Any, seconds: float, forge: Forge, data: Path, tmp_path: Path
) -> None:
    changes, expected = unbroken
    chance = random.Random(f"{changes} {seconds}")
    job = stage(tmp_path, data, changes, seconds)
    for number in range(KILLS):
        worker, before, wanted = forge.start(job.base), kept(job), chance.randrange(1, 16 if not seconds else 2)
        signum = (signal.SIGKILL, signal.SIGTERM)[(number + int(seconds > 0)) % 2]
        deadline = time.monotonic() + 60
        while kept(job) < before + wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.random() / 10)
        os.kill(worker, signum)
        asked = time.monotonic()
        code = forge.end()
        assert code == (-signal.SIGKILL if signum == signal.SIGKILL else 1), (job.base / "log.txt").read_text()
        if signum == signal.SIGTERM:
            assert time.monotonic() - asked < 20
            assert record(job)["reason"] == job.failure.read_text() == "stopped by SIGTERM"
        assert before < kept(job)
    forge.start(job.base)
    assert forge.end() == 0, (job.base / "log.txt").read_text()
    found = record(job)
    assert found["weights"] == expected["weights"]
    assert found["results"] == expected["results"]
    assert found["artifacts"]["model.keras"] == expected["artifacts"]["model.keras"]
    assert found["artifacts"]["predictions.csv"] == expected["artifacts"]["predictions.csv"]
