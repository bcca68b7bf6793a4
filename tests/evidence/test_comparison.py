"""Runs and versions of the data held side by side, and the claim that a retrained model is better."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.planning.test_replay import dvc
from tests.runs.test_stored import leave
from tests.support import small_data
from tests.support.projects import git, make_project, record_of, runs, type_in

from harness.contract import plan
from harness.evidence import comparison, significance
from harness.evidence.verdict import Band
from harness.runs import stored
from programs.cifar10 import files, dataset
from programs.cifar10.host import differences

pytestmark = pytest.mark.slow  # each command is a program of its own; most import TensorFlow or the SDK

BAND = Band(0.02, "a test")


# Two models on the same images.


def test_mcnemars_p_is_the_binomial_tests():
    from scipy.stats import binomtest

    for only_old, only_new in ((0, 0), (3, 9), (40, 60), (500, 700), (7, 7)):
        n = only_old + only_new
        expected = binomtest(only_old, n).pvalue if n else 1.0
        assert significance.mcnemar(only_old, only_new) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("only_old", "only_new", "word", "why"),
    [
        (100, 500, "better", "beyond the band"),
        (500, 100, "worse", "beyond the band"),
        (100, 200, "inside the noise", "two trainings may lie"),
        (40, 50, "inside the noise", "no more than chance"),
    ],
)
def test_a_claim_needs_more_than_the_chance_of_test_set_and_training(only_old, only_new, word, why):
    found = significance.claim(only_old, only_new, 8000, 10_000, BAND)
    assert found.word == word and why in found.why
    assert found.low < found.new - found.old < found.high
    assert found.new == pytest.approx((8000 + only_new) / 10_000)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    chance = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        counts = chance.multinomial(2000, [0.08, 0.11, 0.7, 0.11])
        found = significance.claim(int(counts[0]), int(counts[1]), int(counts[2]), 2000, BAND)
        hits += found.low <= 0.03 <= found.high
    assert 0.92 <= hits / 400 <= 0.98


# Two versions of the data.


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures, each its own."""
    coarse = np.random.default_rng(seed).integers(30, 200, (count, 8, 8, 3))
    return coarse.repeat(4, 1).repeat(4, 2).astype(np.uint8)


def test_images_are_paired_though_they_moved_were_brightened_or_doubled():
    old = pictures(300)
    order = np.random.default_rng(1).permutation(300)
    brighter = np.clip(old[order].astype(int) + 20, 0, 255).astype(np.uint8)
    found = differences.match(old, brighter)
    assert found.altered == 300 and (order[found.new] == found.old).all()
    same = differences.match(old, np.concatenate([old[order], old[:5], pictures(7, seed=9)]))
    assert same.altered == 0 and len(same.old) == 300
    assert len(differences.match(old, pictures(50, seed=9)).old) == 0
    assert len(differences.match(old[:0], old).old) == 0


def test_chance_is_no_shift_and_a_shift_is_one():
    old, other = pictures(2000), pictures(2000, seed=5)
    assert "no more than chance" in differences.pixels(old, other)[-1]
    darker = (other * 0.8).astype(np.uint8)
    told = differences.pixels(old, darker)
    assert told[0].startswith("brightness: ") and told[1].startswith("contrast: ") and told[-1].endswith("a shift")
    labels = np.arange(2000) % 10
    assert differences.classes(labels, labels[::-1], tuple("abcdefghij")) == []
    thinned = labels[(labels != 3) | (np.arange(2000) % 4 == 0)]
    told = differences.classes(labels, thinned, tuple("abcdefghij"))
    assert told[0].startswith("class counts: d 200 -> ") and told[1].endswith("a shift")


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
    results = record_of(old).results, record_of(new).results
    assert f"{results[0].test_accuracy:.4f} -> " in lines[0]  # the old model on its own test set, as recorded
    assert f" -> {results[1].test_accuracy:.4f} " in lines[1]
    same = type_in(project, old.name, old.name, verb="retrain_check")
    assert same.returncode == 0 and same.stdout.count("inside the noise") == 2


def test_without_two_versions_there_is_nothing_to_check(project, tmp_path):
    other = make_project(tmp_path / "other")
    done = type_in(other, verb="retrain_check")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "dvc repro" in done.stderr


# Runs without a training.


def test_code_is_compared_as_a_diff_and_runs_without_records_too(tmp_path):
    first, second, third = leave(tmp_path, 0), leave(tmp_path, 1, seed=3), leave(tmp_path, 2, status=None)
    (second.code / "harness/__init__.py").write_text("changed = 1\n")
    found = [stored.read(each) for each in (first, second, third)]
    altered = dataclasses.replace(found[1].plan.experiment, code="0" * 64)
    found[1] = dataclasses.replace(found[1], plan=dataclasses.replace(found[1].plan, experiment=altered))
    told = comparison.code(found[0], found[1])
    assert any(line == "+changed = 1" for line in told) and "harness/__init__.py" in told[0]
    assert comparison.code(found[0], found[2]) == []
    shutil.rmtree(second.code)
    assert "kept no copy" in comparison.code(found[0], found[1])[0]
    rows = {row.name: row for _, rows in comparison.sections(found) for row in rows}
    assert rows["seed"].values == ("0", "3", "0") and rows["seed"].differs
    assert rows["status"].values == ("completed", "completed", "going on")
    assert comparison.better(found, BAND) is None
    assert plan.experiment_id(found[0].plan.experiment) == found[0].plan.experiment_id


@pytest.mark.parametrize(("arguments", "said"), [((), "two runs or more"), (("x", "y"), "there is no such run")])
def test_a_mistake_is_one_line(project, arguments, said):
    done = compare(project, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1) and said in done.stderr


def test_the_data_is_not_touched(project):
    status = subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, check=True)
    assert status.stdout == b""
    assert dataset.class_names(project / "data")
