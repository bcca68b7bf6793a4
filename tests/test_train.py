"""The whole command, as a user types it, in copies of the project: small trainings on the bundled sample."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.contract import bundle, plan, serial
from programs.cifar10.host import published
from tests.support.lacking import lacking
from tests.support.projects import PLANTED, SMALL, TINY, make_project, record_of, runs, type_in

pytestmark = pytest.mark.slow  # each command is a program of its own; most import TensorFlow or the SDK


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("projects") / "project")


@pytest.fixture(scope="module")
def trained(project: Path) -> tuple[str, Path]:
    """What one small run printed, and its folder."""
    done = type_in(project, "mode=local", "mode.runner=process", *SMALL, "data.url=http://127.0.0.1:9/none")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, runs(project)[-1]


def test_the_last_lines_name_what_was_trained_on_what_and_where(trained):
    printed, run = trained
    found = record_of(run)
    last = printed.partition("\naccuracy ")[2]
    results = found.results
    for expected in (
        f"test {results.metrics['test_accuracy']:.4f}",
        f"validation {results.metrics['validation_accuracy']:.4f}",
        found.experiment.dataset.hash,
        "(bundled sample)",
        found.experiment_id,
        found.provenance.git.commit[:12],
        str(run),
        "comet upload",
    ):
        assert expected in last
    assert printed.count(published.WARNING) == 2  # before and after
    assert "\n" not in published.WARNING and "python src/fetch.py" in published.WARNING


def test_the_record_holds_the_plan_and_the_evidence(trained):
    _, run = trained
    found = record_of(run)
    planned = serial.from_json(plan.RunPlan, json.loads((run / "plan.json").read_text()))
    assert (found.status, found.reason, found.exit_code) == ("completed", None, 0)
    assert (found.experiment, found.placement, found.provenance) == (
        planned.experiment,
        planned.placement,
        planned.provenance,
    )
    assert found.experiment_id == plan.experiment_id(found.experiment)
    assert found.experiment.code == bundle.code_hash(bundle.received(run / "code"))
    assert found.experiment.dataset.sample
    assert found.experiment.config["resnet_size"] == 8
    assert found.environment["threads"] == found.placement.threads == 2
    assert found.environment["settings"]["TF_ENABLE_ONEDNN_OPTS"] == "1"
    assert found.environment["deterministic"] is True
    assert found.environment["lock"] == found.experiment.lock
    correct = sum(found.results.confusion[i][i] for i in range(10))
    assert found.results.metrics["test_accuracy"] == correct / found.results.examples
    assert sum(map(sum, found.results.confusion)) == found.results.examples
    for name, digest in found.artifacts.items():
        assert hashlib.sha256((run / name).read_bytes()).hexdigest() == digest
    with (run / "metrics.csv").open() as file:
        (epoch,) = csv.DictReader(file)
    assert float(epoch["validation_accuracy"]) == found.results.metrics["validation_accuracy"]
    assert found.weights.startswith(epoch["weights"])
    assert not found.provenance.git.dirty
    assert not (run / "changes.patch").exists()


def test_a_run_leaves_these_names_and_no_secret(trained):
    _, run = trained
    names = {path.name for path in run.iterdir()}
    assert names == {
        "plan.json",
        "record.json",
        "code",
        "metrics.csv",
        "predictions.csv",
        "learning_curve.png",
        "learning_curve.svg",
        "worst_images.png",
        "model.keras",
        "checkpoints",
        "comet",
        "log.txt",
    }
    secrets = [value.encode() for value in PLANTED.values() if value]
    for path in run.rglob("*"):
        assert path.is_dir() or not any(secret in path.read_bytes() for secret in secrets), path


@pytest.mark.long
def test_the_same_again_is_the_same_weights(trained, project):
    _, run = trained
    first = record_of(run)
    again = type_in(project, "mode.runner=process", *SMALL, "publish=results/again")
    assert again.returncode == 0
    second = record_of(runs(project)[-1])
    assert (second.experiment_id, second.weights) == (first.experiment_id, first.weights)
    assert second.artifacts["model.keras"] == first.artifacts["model.keras"]


@pytest.mark.long
def test_evaluate_finds_the_recorded_accuracy_and_notices_another_model(trained, project, tmp_path):
    _, run = trained
    found = record_of(run).results
    done = type_in(project, str(run), verb="evaluate")
    assert (done.returncode, done.stderr) == (0, "")
    correct = sum(found.confusion[i][i] for i in range(10))
    assert f"({correct} of {found.examples}), recorded {correct}" in done.stdout
    (tmp_path / "model.keras").write_bytes((run / "model.keras").read_bytes())
    claimed = json.loads((run / "record.json").read_text())
    claimed["results"]["metrics"]["test_accuracy"] = (correct + 1) / found.examples
    (tmp_path / "record.json").write_text(json.dumps(claimed))
    done = type_in(project, str(tmp_path), verb="evaluate")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.long
@pytest.mark.docker
def test_a_container_gives_the_same_experiment_and_the_same_weights(trained, project, training_image):
    _, run = trained
    done = type_in(project, "mode.runner=container", *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = record_of(run), record_of(runs(project)[-1])
    assert second.placement.runner == "container"
    assert second.placement.image == training_image
    assert second.placement.image_id.startswith("sha256:")
    assert (second.experiment_id, second.weights) == (first.experiment_id, first.weights)
    assert second.environment["fingerprint"] == first.environment["fingerprint"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["validation_images=99999"], "validation_images=99999"),
        (["batch_size=9999", "num_data_batches=1"], "batch_size=9999"),
        (["data.on_missing=fail", "data.url=http://127.0.0.1:9/none"], "data.dvc"),
        (["runs_folder=/proc/none"], "runs_folder=/proc/none"),
        (["mode=cloud"], "mode=cloud"),
        (["data.archive=/nowhere/at/all"], "archive=/nowhere/at/all"),
    ],
)
def test_what_only_shows_later_is_still_one_line_and_leaves_no_run(arguments, says, project):
    before = runs(project)
    done = type_in(project, "mode.runner=process", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert "type: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert runs(project) == before


def test_a_worker_that_fails_is_a_failed_run_that_says_why(project):
    done = type_in(project, "mode.runner=process", *TINY, "rate=1e308")
    assert done.returncode == 1
    found = record_of(runs(project)[-1])
    assert found.status == "failed"
    assert "infinite or not a number" in found.reason
    assert f"FAILED    {found.reason}" in done.stdout
    assert "Traceback" not in done.stderr


def test_outside_a_repository_a_run_is_recorded_as_of_unknown_origin(project, tmp_path):
    copy = shutil.copytree(project, tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))
    environment = {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    done = type_in(copy, "mode.runner=process", *TINY, **environment)
    assert done.returncode == 0, done.stderr
    assert "unknown (not a git repository)" in done.stdout
    assert record_of(runs(copy)[-1]).provenance.git is None


def test_a_full_disk_is_a_failed_run_that_says_so(project, tmp_path):
    if os.geteuid():
        lacking("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", str(disk)], check=True)
    try:
        done = type_in(project, "mode.runner=process", *SMALL, f"runs_folder={disk}")
        (run,) = disk.iterdir()
        found = record_of(run)
        assert done.returncode == 1
        assert found.status == "failed"
        assert "No space left on device" in found.reason
        assert not list(run.rglob("*.part"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
