"""compare.py and retrain_check.py as a user types them, on two versions of the data and a run on each."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from programs.cifar10 import dataset, files
from tests.planning.test_replay import dvc
from tests.support import small_data
from tests.support.projects import git, make_project, record_of, runs, type_in

pytestmark = pytest.mark.slow  # each command is a program of its own; most import TensorFlow or the SDK


def second_version(folder: Path) -> None:
    """One class thinned, 2 % of labels changed, brightness shifted: in place, in data/."""
    chance = np.random.default_rng(3)
    for name in (*files.TRAIN, files.TEST):
        path = folder / name
        if not path.exists():
            continue
        images, labels = small_data.read(path)
        keep = (labels != 3) | (chance.random(len(labels)) < 0.3)
        images, labels = images[keep], labels[keep]
        wrong = chance.random(len(labels)) < 0.02
        labels[wrong] = (labels[wrong] + 1) % 10
        images = np.clip(images.astype(int) + 15, 0, 255).astype(np.uint8)
        path.unlink()  # a link into DVC's cache
        path.write_bytes(small_data.content(name, images, labels))


SETTINGS = (
    "mode.runner=process",
    "mode.threads=2",
    "resnet_size=8",
    "epochs=1",
    "batch_size=32",
    "num_data_batches=1",
    "validation_images=50",
    "warmup_epochs=0",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory, cifar10) -> Path:
    """A project with two versions of a small data set in DVC, and a run on each; real pictures where there are some."""
    folder = make_project(tmp_path_factory.mktemp("versions") / "project")
    (folder / "data").mkdir()
    small_data.write_ten(folder / "data", cifar10, 1500, 1000)
    for version in (1, 2):
        if version == 2:
            second_version(folder / "data")
        dvc(folder, "add", "data")
        git(folder, "commit", "-am", f"version {version}")
        done = type_in(folder, *SETTINGS)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def compare(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    done = type_in(project, *arguments, verb="compare")
    assert "Traceback" not in done.stderr
    return done


def test_the_shift_between_two_versions_is_named(project):
    done = compare(project, "data=HEAD~1")
    assert done.returncode == 0, done.stderr
    for word in ("class counts: ", "images removed", "are relabelled (", "brightness: ", "label shift: ", ": a shift"):
        assert word in done.stdout, done.stdout
    assert compare(project, "data=HEAD..HEAD").stdout.count("the same data") == 1
    bad = compare(project, "data=nowhere")
    assert bad.returncode == 2 and bad.stderr.count("\n") == 1 and "nowhere has no data.dvc" in bad.stderr


def test_runs_are_side_by_side_differences_first(project):
    old, new = runs(project)
    done = compare(project, old.name, new.name)
    assert done.returncode == 0, done.stderr
    assert record_of(old).experiment.dataset.hash[:12] in done.stdout
    assert "are relabelled (" in done.stdout and "equal fields: " in done.stdout
    assert "resnet_size" not in done.stdout and "different data" in done.stdout
    assert "resnet_size" in compare(project, old.name, new.name, "all").stdout


def test_a_retrained_model_is_held_against_the_old_one_on_both_test_sets(project):
    done = type_in(project, verb="retrain_check")
    assert done.returncode in (0, 1), done.stderr
    old, new = runs(project)
    assert f"old       {old.name}" in done.stdout and f"new       {new.name}" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith(("old test", "new test"))]
    assert len(lines) == 2 and all("McNemar p = " in line and "95 % confidence" in line for line in lines)
    before, after = (record_of(run).value("test") for run in (old, new))
    assert f"{before:.4f} -> " in lines[0]  # the old model on its own test set, as recorded
    assert f" -> {after:.4f} " in lines[1]
    same = type_in(project, old.name, old.name, verb="retrain_check")
    assert same.returncode == 0 and same.stdout.count("inside the noise") == 2


def test_without_two_versions_there_is_nothing_to_check(project, tmp_path):
    other = make_project(tmp_path / "other")
    done = type_in(other, verb="retrain_check")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "dvc repro" in done.stderr


@pytest.mark.parametrize(("arguments", "said"), [((), "two runs or more"), (("x", "y"), "there is no such run")])
def test_a_mistake_is_one_line(project, arguments, said):
    done = compare(project, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1) and said in done.stderr


def test_the_data_is_not_touched(project):
    status = subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, check=True)
    assert status.stdout == b""
    assert dataset.class_names(project / "data")
