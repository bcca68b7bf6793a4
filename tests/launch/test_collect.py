import dataclasses
import errno
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from harness.contract import atomic, job_folder, record, serial
from harness.contract.errors import RunFailed
from harness.launch.collect import collect
from harness.launch.runner import Ended
from harness.runs import run_folder
from tests.support.closed import closed
from tests.support.planted import planted as planted_secret
from tests.support.programs import bundle_of, planned

PLAN = planned("tiny")
RESULTS = record.Results({"test_error": 50.0}, 10, ("left", "right"), ((3, 2), (3, 2)))


@pytest.fixture
def run(tmp_path):
    return finished(tmp_path)


def finished(runs):
    """A run folder in which the worker has just finished."""
    run = run_folder.stage(runs, PLAN, bundle_of("tiny"), b"")
    job = job_folder.JobFolder(run.job)
    model = job.models / PLAN.description.model
    for folder in (job.models, job.output):
        folder.mkdir(parents=True)
    model.write_bytes(b"weights")
    job.metrics.write_text("epoch\n1\n")
    digests = {path.name: atomic.sha256(path) for path in (model, job.metrics)}
    done = record.of(PLAN, status="completed", results=RESULTS, weights="w", artifacts=digests)
    job.record.write_text(serial.dumps(done))
    return run


def ended(run, code=0, reason=None):
    return Ended(code, reason, run.job / "model", run.job / "output")


def test_a_completed_run_is_put_in_place_and_its_scratch_is_gone(run):
    found = collect(run, PLAN, ended(run))
    assert (found.status, found.reason, found.exit_code) == ("completed", None, 0)
    assert run.model(PLAN).read_bytes() == b"weights"
    assert serial.from_json(record.RunRecord, json.loads(run.record.read_text())) == found
    names = {path.name for path in run.path.iterdir()}
    assert names == {"plan.json", "record.json", "code", "metrics.csv", "model.npy", "checkpoints"}


def test_an_altered_model_is_a_failed_run(run):
    (run.job / "model" / "model.npy").write_bytes(b"altered")
    found = collect(run, PLAN, ended(run))
    assert (found.status, found.reason) == ("failed", "model.npy did not arrive as written")


def test_a_worker_that_died_without_a_record_is_a_failed_run_with_the_launchers_reason(run):
    (run.job / "output" / "data" / "record.json").unlink()
    found = collect(run, PLAN, ended(run, -9, "the worker was killed by SIGKILL"))
    assert (found.status, found.reason, found.exit_code) == ("failed", "the worker was killed by SIGKILL", -9)
    assert found.experiment_id == PLAN.experiment_id
    assert found.environment is None


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"schema": 1}'])
def test_a_torn_record_counts_as_none(run, torn):
    (run.job / "output" / "data" / "record.json").write_text(torn)
    assert collect(run, PLAN, ended(run, 3)).reason == "the worker exited with 3 and left no record"


def test_another_runs_record_counts_as_none(run):
    path = run.job / "output" / "data" / "record.json"
    path.write_text(path.read_text().replace(PLAN.run_id, "another"))
    assert collect(run, PLAN, ended(run)).status == "failed"


def test_the_failure_file_gives_the_reason(run):
    (run.job / "output" / "data" / "record.json").unlink()
    (run.job / "output" / "failure").write_text("ValueError: no\n")
    assert collect(run, PLAN, ended(run, 1)).reason == "ValueError: no"


def test_a_secret_in_the_reason_is_not_recorded(run):
    line, secret = planted_secret("netrc")
    (run.job / "output" / "failure").write_text(f"no login with {line}")
    assert collect(run, PLAN, ended(run, 1)).reason == f"no login with {line.replace(secret, '[secret]')}"
    assert secret not in run.record.read_text()


def test_a_worker_that_says_failed_has_failed_even_without_a_failure_file(run):
    said = record.of(PLAN, status="failed", reason="ValueError: no")
    (run.job / "output" / "data" / "record.json").write_text(serial.dumps(said))
    found = collect(run, PLAN, ended(run, 1))
    assert (found.status, found.reason) == ("failed", "ValueError: no")


def test_a_worker_that_ends_badly_after_its_record_has_failed(run):
    found = collect(run, PLAN, ended(run, 3))
    assert (found.status, found.reason) == ("failed", "the worker exited with 3")


def test_a_record_takes_the_blocks_that_were_held_back_where_the_disk_is_full(run, monkeypatch):
    held_back = run.reserve.stat().st_ino

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write", full)
    final = collect(run, PLAN, ended(run))
    assert serial.from_json(record.RunRecord, json.loads(run.record.read_text())) == final
    assert run.record.stat().st_ino == held_back and not run.reserve.exists()


def test_a_run_folder_that_is_gone_is_told_in_one_line(run):
    shutil.rmtree(run.path)
    with pytest.raises(RunFailed, match="has no record: it was moved, removed or closed while the run went on"):
        collect(run, PLAN, ended(run))


def test_a_run_folder_that_is_closed_is_told_in_one_line(run):
    with closed(run.path), pytest.raises(RunFailed, match="has no record: it was moved, removed or closed while"):
        collect(run, PLAN, ended(run))


def test_a_job_folder_that_is_closed_is_a_failed_run():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to all but its user
        run = finished(Path(folder))
        for path in (Path(folder), run.path):
            path.chmod(0o777)
        with closed(run.job):
            found = collect(run, PLAN, ended(run, 1))
    assert found.status == "failed" and found.reason == "the worker exited with 1 and left no record"


@pytest.mark.parametrize("what", ["link", "pipe"])
def test_links_and_pipes_that_foreign_code_leaves_are_not_followed(run, tmp_path, what):
    (tmp_path / "secret").write_text("private")
    job = job_folder.JobFolder(run.job)
    extras = job.record.parent / "extras"
    extras.mkdir()
    (extras / "own.txt").write_text("own")
    model = job.models / PLAN.description.model
    model.unlink()
    for path in (model, job.models / "more", extras / "more", job.failure, job.record.parent / "predictions.csv"):
        path.symlink_to(tmp_path / "secret") if what == "link" else os.mkfifo(path)
    found = collect(run, PLAN, ended(run))
    assert found.reason == "model.npy did not arrive as written"
    assert "private" not in run.record.read_text()
    assert not any(path.is_symlink() or path.is_fifo() for path in run.path.rglob("*"))
    assert [path.name for path in run.extras.iterdir()] == ["own.txt"]


def test_what_the_worker_said_last_is_the_reason_where_it_could_not_write_it(run):
    (run.job / "output" / "data" / "record.json").unlink()
    said = Ended(1, None, run.job / "model", run.job / "output", last_words="OSError: No space left on device")
    assert collect(run, PLAN, said).reason == "OSError: No space left on device"


@pytest.mark.parametrize("name", ["model.npy", "metrics.csv"])
def test_a_file_that_never_arrived_is_a_failed_run(run, name):
    job = job_folder.JobFolder(run.job)
    (job.models / name if name == "model.npy" else job.metrics).unlink()
    found = collect(run, PLAN, ended(run))
    assert (found.status, found.reason) == ("failed", f"{name} did not arrive as written")


@pytest.mark.parametrize(("pruned", "status"), [(True, "pruned"), (False, "failed")])
def test_a_run_that_a_sweep_ended_is_pruned(run, pruned, status):
    early = dataclasses.replace(ended(run, 1, "pruned after epoch 2"), pruned=pruned)
    found = collect(run, PLAN, early)
    assert (found.status, found.reason, found.exit_code) == (status, "pruned after epoch 2", 1)
