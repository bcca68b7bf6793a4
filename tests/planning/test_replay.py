"""Replays as a user types them, of the tiny program, in a copy of the project with a data set of its own in DVC."""

import hashlib
import importlib.resources
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from harness.contract import serial
from harness.evidence import verdict
from tests.support import programs
from tests.support.lacking import lacking
from tests.support.projects import ROOT, git, make_project, record_of, runs, type_in

pytestmark = [
    pytest.mark.slow,  # each command is a program of its own
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
]

SETTINGS = ("program=tiny", "epochs=2", "mode.threads=2", "mode.runner=process")
TRAINING = "src/programs/tiny/training.py"
TRAIN = f"{programs.POINTS}/train.csv"


def dvc(project: Path, *arguments: str) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", "--quiet", *arguments]
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose data is in DVC's cache."""
    folder = make_project(tmp_path_factory.mktemp("replays") / "project")
    dvc(folder, "commit", "--force", "tiny.dvc")
    git(folder, "commit", "-am", "points in the cache")
    return folder


def move_first_point(project: Path) -> None:
    """Change one digit of the data that is trained on."""
    train = project / TRAIN
    content = train.read_text()
    train.unlink()  # a link into DVC's cache
    at = content.index(".") + 1
    train.write_text(f"{content[:at]}{(int(content[at]) + 5) % 10}{content[at + 1 :]}")


@pytest.fixture(scope="module")
def first(project: Path) -> Path:
    """A run of it."""
    done = type_in(project, *SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    return runs(project)[-1]


def replay(project: Path, name: str | Path, *arguments: str) -> tuple[int, str, verdict.Verdict | None]:
    """Exit code, what was printed, and the verdict of the run that came of it, if one did."""
    before = runs(project)
    done = type_in(project, str(name), *arguments, verb="replay")
    made = [run for run in runs(project) if run not in before]
    assert "Traceback" not in done.stderr
    if not made:
        return done.returncode, done.stderr, None
    return done.returncode, done.stdout, judged(made[0])


def judged(run: Path) -> verdict.Verdict | None:
    path = run / "verdict.json"
    return serial.from_json(verdict.Verdict, json.loads(path.read_text())) if path.exists() else None


@pytest.fixture
def altered(project: Path):
    """Working tree and data are put back after the test."""
    yield project
    git(project, "checkout", "--", ".")
    dvc(project, "checkout", "--force", "tiny.dvc")


def test_a_replay_is_identical_and_refers_to_its_original(project, first):
    code, printed, found = replay(project, "last")
    assert (code, found.verdict, found.changed) == (0, "identical", ())
    assert f"verdict   IDENTICAL to {first.name}" in printed
    assert "in a clean worktree" in printed
    again = record_of(runs(project)[-1])
    assert again.provenance.replays == first.name
    assert (again.experiment_id, again.weights) == (record_of(first).experiment_id, record_of(first).weights)
    worktrees = subprocess.run(["git", "worktree", "list"], cwd=project, capture_output=True, text=True, check=True)
    assert worktrees.stdout.count("\n") == 1


def test_what_is_changed_here_meanwhile_changes_nothing(altered, first):
    """One byte of data, one line of code: the run's own are brought back."""
    move_first_point(altered)
    (altered / TRAINING).write_text("raise SystemError\n" + (altered / TRAINING).read_text())
    code, _, found = replay(altered, first.name)
    assert (code, found.verdict, found.changed) == (0, "identical", ())


@pytest.mark.parametrize(
    ("setting", "field", "reason"),
    [
        ("seed=1", "seed", "seed: 0 -> 1"),
        ("rate=0.11", "rate", "rate: 0.1 -> 0.11"),
        ("mode.threads=1", "threads", "threads: 2 -> 1"),
    ],
)
def test_a_changed_setting_is_named_and_nothing_else(project, first, setting, field, reason):
    code, _, found = replay(project, first.name, setting)
    assert found.reasons[0] == reason
    assert {name for name in found.changed if not name.endswith("_NUM_THREADS")} == {field}
    if field == "threads":  # NumPy's sums of this size do not depend on it
        assert (code, found.verdict) == (0, "identical")
    else:
        assert (code, found.verdict) == (1, "different")
        assert (found.first_epoch, found.first_tensor) == (1, "weights")


def test_a_changed_line_of_code_is_named_with_its_file(altered, first):
    path = altered / TRAINING
    path.write_text(path.read_text().replace("0.9 * self.momentum", "0.8 * self.momentum"))
    code, _, found = replay(altered, first.name, "code=here")
    assert (code, found.verdict, found.changed) == (1, "different", ("code",))
    assert found.reasons[0] == "code: programs/tiny/training.py +1 -1"


def test_another_lock_is_refused_or_on_demand_named(altered, first):
    lock = altered / "requirements-train.lock"
    lock.write_text(lock.read_text() + "\n")
    code, said, found = replay(altered, first.name)
    assert (code, found) == (2, None)
    assert "cannot be replayed: its lock" in said and "last seen in commit" in said and "lock=here" in said
    code, _, found = replay(altered, first.name, "lock=here")
    assert "lock" in found.changed and found.verdict == "identical" and code == 0


def test_another_version_of_the_data_is_named_by_its_file_and_the_old_one_is_still_found(altered, first):
    move_first_point(altered)
    dvc(altered, "commit", "--force", "tiny.dvc")
    code, _, found = replay(altered, first.name, "data=here")
    assert (code, found.verdict, found.changed) == (1, "different", ("dataset",))
    assert "(train.csv " in found.reasons[0]
    code, _, found = replay(altered, first.name)
    assert (code, found.verdict) == (0, "identical")


def test_a_plan_alone_is_held_against_the_record_that_is_here(project, first, tmp_path):
    alone = tmp_path / "plan.json"
    alone.write_bytes((first / "plan.json").read_bytes())
    code, _, found = replay(project, alone)
    assert (code, found.verdict, found.original) == (0, "identical", first.name)
    edited = json.loads(alone.read_text())
    edited["experiment"]["config"]["seed"] = 7
    alone.write_text(json.dumps(edited))
    code, said, found = replay(project, alone)
    assert (code, found) == (2, None) and "its plan was changed" in said


@pytest.fixture
def copied(project: Path, first: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the project without that run's commit, and a copy of the run."""
    other = make_project(tmp_path / "other")
    git(other, "commit", "--amend", "-m", "another history")
    return other, Path(shutil.copytree(first, tmp_path / first.name))


def test_without_the_commit_the_runs_own_copy_of_the_code_is_taken(copied):
    other, run = copied
    code, printed, found = replay(other, run)
    assert (code, found.verdict) == (0, "identical")
    assert "the run's own copy, since commit" in printed


def test_what_is_gone_is_named_with_where_it_was_last_seen(copied, first):
    other, run = copied
    commit = record_of(first).provenance.git.commit
    shutil.rmtree(run / "code")
    code, said, _ = replay(other, run)
    assert code == 2
    assert f"commit {commit[:12]} is not in this repository" in said and f"last seen in commit {commit}" in said
    (other / programs.POINTS / "test.csv").unlink()
    git(other, "remote", "add", "origin", str(first.parents[1]))
    git(other, "fetch", "origin")
    code, said, _ = replay(other, run)
    assert code == 2
    dataset = record_of(first).experiment.dataset
    assert (
        f"its data {dataset.name} {dataset.hash} is gone" in said
        and f"last seen by {first.name}, pinned in tiny.dvc" in said
    )
    assert not (other / "runs").exists() or not runs(other)


@pytest.mark.docker
def test_an_image_that_is_gone_is_named(project, first, tmp_path):
    run = Path(shutil.copytree(first, tmp_path / first.name))
    for name in ("plan.json", "record.json"):
        told = json.loads((run / name).read_text())
        told["placement"] |= {"runner": "container", "image": "harness-train:000000000000", "image_id": "sha256:0a1b"}
        (run / name).write_text(json.dumps(told))
    code, said, found = replay(project, run)
    assert (code, found) == (2, None)
    assert "the image harness-train:000000000000 is gone; last seen by" in said and "sha256:0a1b" in said


@pytest.mark.docker
def test_a_replay_in_a_container_has_the_same_bits(project, first, training_image):
    code, _, found = replay(project, first.name, "mode.runner=container")
    assert (code, found.verdict, found.changed) == (0, "identical", ())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing-of-that-name",), "there is no such run"),
        ((), "takes one run"),
        (("last", "scale=full"), "takes no scale"),
        (("0" * 40,), "no run in"),
        (("last", "sede=1"), "sede is not a setting"),
    ],
)
def test_a_mistake_is_one_line(project, first, arguments, said):
    done = type_in(project, *arguments, verb="replay")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and done.stderr.count("\n") == 1


def export(project: Path, name: str | Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    done = type_in(project, str(name), *arguments, verb="export")
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def archive(project: Path, first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "run.zip"
    done = export(project, first.name, f"output={path}")
    assert done.returncode == 0, done.stderr
    return path


def test_an_exported_run_is_identical_in_a_clone_with_another_history(copied, archive, first):
    other, _ = copied
    code, printed, found = replay(other, archive)
    assert (code, found.verdict, found.original) == (0, "identical", first.name)
    assert "the run's own copy, since commit" in printed


def test_an_export_is_the_same_bytes_each_time_and_holds_what_was_asked_for(project, first, archive, tmp_path):
    again, whole = tmp_path / "again.zip", tmp_path / "whole.zip"
    assert export(project, archive, f"output={again}").returncode == 0  # an export of the export
    assert again.read_bytes() == archive.read_bytes()
    assert export(project, first, f"output={whole}", "model=true").returncode == 0
    with zipfile.ZipFile(archive) as small_one, zipfile.ZipFile(whole) as large:
        assert {*large.namelist()} - {*small_one.namelist()} == {"model.npy"}
        assert large.read("model.npy") == (first / "model.npy").read_bytes()
        assert small_one.read("record.json") == (first / "record.json").read_bytes()
        text = b"".join(small_one.read(name) for name in small_one.namelist())
    assert b"planted" not in text and str(project).encode() not in text


def test_an_altered_or_damaged_archive_is_refused(project, archive, tmp_path):
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in old.namelist()}
    described = files["ro-crate-metadata.json"]
    out = json.loads(described)
    out["@graph"].append({"@id": "../out", "@type": "File", "sha256": hashlib.sha256(b"x").hexdigest()})
    altered = {
        "is not the file": {**files, "record.json": files["record.json"].replace(b"0", b"1")},
        "is no name of a file": {**files, "../out": b"x", "ro-crate-metadata.json": json.dumps(out).encode()},
        "is damaged": {name: content for name, content in files.items() if name != "plan.json"},
    }
    for said, content in altered.items():
        bad = tmp_path / "bad.zip"
        with zipfile.ZipFile(bad, "w") as new:
            for name, each in content.items():
                new.writestr(name, each)
        code, told, found = replay(project, bad)
        assert (code, found, told.count("\n")) == (2, None, 1) and said in told, told
    bad.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert replay(project, bad)[0] == 2
    assert not (tmp_path.parent / "out").exists()


def test_an_archive_is_valid_by_the_validator_of_ro_crates(archive, tmp_path):
    python = ROOT / "tests" / ".venv" / "bin" / "python"
    if not python.exists():
        lacking("make crate")
    context = importlib.resources.files("rocrate") / "data" / "ro-crate.jsonld"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "crate")
    command = [python, ROOT / "tests/support/validate_crate.py", tmp_path / "crate", str(context)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid process-run-crate-0.5" in done.stdout
    metadata = tmp_path / "crate" / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"instrument"', '"tool"'))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1  # it can say no


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing-of-that-name",), "there is no such run"),
        ((), "takes one run"),
        (("last", "model=yes"), "legal: true | false"),
    ],
)
def test_a_mistake_in_exporting_is_one_line(project, first, arguments, said):
    done = export(project, *arguments) if arguments else type_in(project, verb="export")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and done.stderr.count("\n") == 1
