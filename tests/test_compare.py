"""compare.py and retrain_check.py as typed: two versions of the pictures, and of the points with a run on each."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from programs.cifar10 import dataset, files
from tests.planning.test_replay import dvc
from tests.support import programs, small_data
from tests.support.projects import git, make_project, record_of, runs, type_in

pytestmark = [
    pytest.mark.slow,  # each command is a program of its own; most import TensorFlow or the SDK
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
]


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


@pytest.fixture(scope="module")
def project(tmp_path_factory, cifar10) -> Path:
    """Two versions of pictures and of points in DVC; a run of the tiny program on each of the points.

    The pictures are real where there are some.
    """
    folder = make_project(tmp_path_factory.mktemp("versions") / "project")
    (folder / "data").mkdir()
    small_data.write_ten(folder / "data", cifar10, 1500, 1000)
    for version, count in ((1, 350), (2, 300)):
        if version == 2:
            second_version(folder / "data")
        programs.pin_points(folder, count)
        dvc(folder, "commit", "--force", "tiny.dvc")
        dvc(folder, "add", "data")
        git(folder, "commit", "-am", f"version {version}")
        done = type_in(folder, "program=tiny", "mode.runner=process")
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
    assert "equal fields: " in done.stdout
    assert "batch" not in done.stdout and "different data" in done.stdout
    assert "batch" in compare(project, old.name, new.name, "all").stdout


def test_a_retrained_model_is_held_against_the_old_one_on_both_test_sets(project):
    done = type_in(project, "program=tiny", verb="retrain_check")
    assert done.returncode == 4, done.stderr  # no spread over seeds is known of the points
    old, new = runs(project)
    assert f"old       {old.name}" in done.stdout and f"new       {new.name}" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith(("old test", "new test"))]
    assert len(lines) == 2 and all("McNemar p = " in line and "95 % confidence" in line for line in lines)
    assert all("undecided" in line for line in lines)
    before, after = (1 - record_of(run).value("test") / 100 for run in (old, new))  # shares that are right
    assert f"{before:.4f} -> " in lines[0]  # the old model on its own test set, as recorded
    assert f" -> {after:.4f} " in lines[1]
    same = type_in(project, old.name, old.name, "program=tiny", verb="retrain_check")
    assert same.returncode == 4 and "new test  " in same.stdout and "old test" not in same.stdout  # of one version
    assert "inside the noise" in same.stdout and "cannot tell" in same.stdout


def test_without_two_versions_there_is_nothing_to_check(project, tmp_path):
    other = make_project(tmp_path / "other")
    done = type_in(other, verb="retrain_check")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "dvc repro" in done.stderr


@pytest.mark.parametrize(("arguments", "said"), [((), "two runs or more"), (("x", "y"), "there is no such run")])
def test_a_mistake_is_one_line(project, arguments, said):
    done = compare(project, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1) and said in done.stderr


def test_the_data_is_not_touched(project):  # by all that was typed above
    status = subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, check=True)
    assert status.stdout == b""
    assert dataset.class_names(project / "data")
