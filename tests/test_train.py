"""The whole command, as a user types it, in copies of the project: small trainings on the bundled sample."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import bundle, console, plan, record

ROOT = Path(__file__).parents[1]
SMALL = (
    "resnet_size=8",
    "epochs=1",
    "num_data_batches=1",
    "validation_images=1000",
    "warmup_epochs=0",
    "mode.threads=2",
)
PLANTED = {
    "COMET_API_KEY": "",
    "AWS_SECRET_ACCESS_KEY": "planted+aws+secret+value",
    "MY_TOKEN": "planted-token-of-mine",
}


def type_in(
    project: Path, *arguments: str, verb: str = "train", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a verb in a project; Comet without a key and nothing of CI's environment but the path."""
    return subprocess.run(
        [sys.executable, f"src/{verb}.py", *arguments],
        cwd=project,
        env={**os.environ, **PLANTED, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def git(project: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, "-C", str(project), *arguments], check=True, capture_output=True)


def make_project(folder: Path) -> Path:
    """A copy of this project's files, committed, without data: the sample stands in."""
    ignored = shutil.ignore_patterns(
        ".venv", ".git", "data", "runs", "results", ".*_cache", "dvc.lock", ".cache", "__pycache__", "tmp", "cache"
    )
    shutil.copytree(ROOT, folder, ignore=ignored)
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("projects") / "project")


def runs(project: Path) -> list[Path]:
    """What is there beside what sweeps leave."""
    found = sorted((project / "runs").iterdir()) if (project / "runs").exists() else []
    return [path for path in found if path.name not in ("sweeps", "multirun.yaml")]


def record_of(run: Path) -> record.RunRecord:
    return plan.from_json(record.RunRecord, json.loads((run / "record.json").read_text()))


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
        f"test {results.test_accuracy:.4f}",
        f"validation {results.validation_accuracy:.4f}",
        found.experiment.dataset.hash,
        "not CIFAR-10",
        found.experiment_id,
        found.provenance.git.commit[:12],
        str(run),
        "comet upload",
    ):
        assert expected in last
    assert printed.count(console.SAMPLE) == 2  # before and after
    assert "\n" not in console.SAMPLE and "python src/fetch.py" in console.SAMPLE


def test_the_record_holds_the_plan_and_the_evidence(trained):
    _, run = trained
    found = record_of(run)
    planned = plan.from_json(plan.RunPlan, json.loads((run / "plan.json").read_text()))
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
    assert found.results.test_correct == sum(found.results.confusion[i][i] for i in range(10))
    assert sum(map(sum, found.results.confusion)) == found.results.test_images
    for name, digest in found.artifacts.items():
        assert hashlib.sha256((run / name).read_bytes()).hexdigest() == digest
    with (run / "metrics.csv").open() as file:
        (epoch,) = csv.DictReader(file)
    assert float(epoch["validation_accuracy"]) == found.results.validation_accuracy
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


def test_the_same_again_is_the_same_weights(trained, project):
    _, run = trained
    first = record_of(run)
    again = type_in(project, "mode.runner=process", *SMALL, "publish=results/again")
    assert again.returncode == 0
    second = record_of(runs(project)[-1])
    assert (second.experiment_id, second.weights) == (first.experiment_id, first.weights)
    assert second.artifacts["model.keras"] == first.artifacts["model.keras"]


def test_evaluate_finds_the_recorded_accuracy_and_notices_another_model(trained, project, tmp_path):
    _, run = trained
    found = record_of(run).results
    done = type_in(project, str(run), verb="evaluate")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"({found.test_correct} of {found.test_images}), recorded {found.test_correct}" in done.stdout
    (tmp_path / "model.keras").write_bytes((run / "model.keras").read_bytes())
    claimed = json.loads((run / "record.json").read_text())
    claimed["results"]["test_correct"] += 1
    (tmp_path / "record.json").write_text(json.dumps(claimed))
    done = type_in(project, str(tmp_path), verb="evaluate")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


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
    done = type_in(project, "mode.runner=process", *SMALL, "learning_rate=1e30")
    assert done.returncode == 1
    found = record_of(runs(project)[-1])
    assert found.status == "failed"
    assert "learning_rate" in found.reason
    assert f"FAILED    {found.reason}" in done.stdout
    assert "Traceback" not in done.stderr


def test_outside_a_repository_a_run_is_recorded_as_of_unknown_origin(project, tmp_path):
    copy = shutil.copytree(project, tmp_path / "copy", ignore=shutil.ignore_patterns(".git", "runs"))
    environment = {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    done = type_in(copy, "mode.runner=process", *SMALL, "resnet_size=8", "batch_size=400", **environment)
    assert done.returncode == 0, done.stderr
    assert "unknown (not a git repository)" in done.stdout
    assert record_of(runs(copy)[-1]).provenance.git is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_a_failed_run_that_says_so(project, tmp_path):
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


def test_a_killed_worker_is_a_failed_run_that_says_so_and_goes_on_with_resume(project):
    run = broken(project, "epoch=2 ", signal.SIGKILL, "mode.runner=process", "epochs=6")
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


def broken(project: Path, until: str, signum: int, *arguments: str, worker: str | None = "job") -> Path:
    """A run that got a signal after a line that begins with `until`.

    It goes to the worker of that name in its command line, or, for None, to the command itself.
    """
    resumed = any(argument.startswith("resume=") for argument in arguments)
    command = [sys.executable, "src/train.py", *(() if resumed else SMALL), "mode.checkpoint_seconds=0.2", *arguments]
    environment = {**os.environ, **PLANTED}
    child = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    heard = []
    for line in child.stdout:
        heard.append(line)
        if line.startswith(until):
            break
    else:
        raise AssertionError("".join(heard))
    run = runs(project)[-1]
    if worker is None:
        child.send_signal(signum)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if worker and read(path).endswith(f"harness.worker\0{run}/{worker}\0".encode()):
            os.kill(int(path.parent.name), signum)
    began = time.monotonic()
    child.stdout.read()
    child.stdout.close()
    assert child.wait() == 1
    assert time.monotonic() - began < 60
    assert list((run / "checkpoints").iterdir())
    return run


TWO = ("mode.instance_count=2", "mode.threads=1")


@pytest.fixture(scope="module")
def two_processes(project: Path) -> record.RunRecord:
    done = type_in(project, "mode.runner=process", *SMALL, *TWO)
    assert done.returncode == 0, done.stdout + done.stderr
    return record_of(runs(project)[-1])


def test_two_workers_end_with_equal_weights_and_the_loss_of_one(trained, two_processes):
    one = record_of(trained[1])
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


@pytest.mark.docker
@pytest.mark.slow  # four runs: one unbroken, one killed, one stopped, one that ends
def test_killed_and_stopped_in_containers_it_ends_with_the_weights_of_an_unbroken_run(project, training_image):
    unbroken = type_in(project, "mode.runner=process", *SMALL, "epochs=4")
    assert unbroken.returncode == 0, unbroken.stderr
    expected = record_of(runs(project)[-1]).weights
    killed = interrupted(project, lambda run: docker_kill(run, "algo-1"), "epochs=4")
    assert "SIGKILL" in record_of(killed).reason
    stopped = interrupted(project, None, f"resume={killed.name}")
    assert record_of(stopped).reason == "stopped by SIGTERM"
    done = type_in(project, "mode.runner=process", f"resume={stopped.name}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record_of(runs(project)[-1]).weights == expected


def interrupted(project: Path, act: Callable[[Path], None] | None, *arguments: str) -> Path:
    """A run in containers that `act`, or else SIGTERM to its host, ends when it has kept a state, within a minute."""
    given = () if arguments[0].startswith("resume=") else SMALL
    wanted = ("mode.runner=container", "mode.checkpoint_seconds=0.2", *given, *arguments)
    before = runs(project)
    child = subprocess.Popen(
        [sys.executable, "src/train.py", *wanted],
        cwd=project,
        env={**os.environ, **PLANTED},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    copied, deadline = None, time.monotonic() + 90
    while time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
        new = [run for run in runs(project) if run not in before]
        states = {path.name for run in new for path in (run / "checkpoints").glob("step-*.ckpt")}
        copied = states if new and copied is None else copied
        if states - (copied or set()):
            break
    (run,) = [run for run in runs(project) if run not in before]
    if act:
        act(run)
    else:
        child.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert child.wait() == 1
    assert time.monotonic() - began < 60
    return run


def docker_kill(run: Path, host: str) -> None:
    wanted = ("--filter", f"volume={run / 'code'}", "--filter", f"label=com.docker.compose.service={host}")
    listed = subprocess.run(["docker", "ps", "--quiet", *wanted], capture_output=True, text=True, check=True)
    subprocess.run(["docker", "kill", *listed.stdout.split()], check=True, capture_output=True)


def read(path: Path) -> bytes:
    """A process's command line; empty where it is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
