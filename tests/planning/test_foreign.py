"""Replays of archives whose code is no commit's of this repository, as a user types them, with the tiny program."""

import hashlib
import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from harness.contract import bundle
from harness.contract.errors import NotReady
from harness.contract.plan import experiment_id
from harness.planning import committed
from harness.runs import reading, run_folder
from harness.sharing import crate
from tests.support.projects import TINY, git, make_project, runs, type_in

pytestmark = [
    pytest.mark.slow,  # each command is a program of its own
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
]
SCORE = "src/programs/tiny/score.py"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project with one run."""
    folder = make_project(tmp_path_factory.mktemp("foreign") / "project")
    done = type_in(folder, *TINY, "mode.runner=process")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def archive(project: Path, path: Path, change=None, files=None, recorded=None) -> Path:
    """An archive of the project's first run after `change(plan)`, made to be consistent with itself."""
    run = runs(project)[0]
    plan, record = (json.loads((run / f"{name}.json").read_text()) for name in ("plan", "record"))
    content = {
        file.relative_to(run).as_posix(): file.read_bytes() for file in (run / "code").rglob("*") if file.is_file()
    }
    content |= {"metrics.csv": (run / "metrics.csv").read_bytes(), **(files or {})}
    code = {name.removeprefix("code/"): each for name, each in content.items() if name.startswith("code/")}
    del code["plan.json"]
    plan["experiment"]["code"] = bundle.code_hash(code)
    plan["provenance"]["git"]["commit"] = "f" * 40 if files else plan["provenance"]["git"]["commit"]
    if change:
        change(plan)
    canonical = json.dumps(plan["experiment"], sort_keys=True, separators=(",", ":")).encode()
    plan["experiment_id"] = hashlib.sha256(canonical).hexdigest()
    plan["run_id"] = "20260101T000000Z-foreign"
    record |= {name: plan[name] for name in ("experiment", "placement", "provenance", "experiment_id", "run_id")}
    if recorded:
        recorded(record)
    content |= {"plan.json": json.dumps(plan).encode(), "record.json": json.dumps(record).encode()}
    graph = [{"@id": name, "@type": "File", "sha256": hashlib.sha256(content[name]).hexdigest()} for name in content]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(crate.METADATA, json.dumps({"@graph": graph}))
        for name, each in content.items():
            file.writestr(name, each)
    return path


def with_line(project: Path, name: str, line: str) -> dict[str, bytes]:
    return {f"code/{name}": (project / "src" / name).read_bytes() + f"\n{line}\n".encode()}


def replay(project: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    done = type_in(project, *map(str, arguments), verb="replay")
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def test_code_of_a_stranger_is_said_shown_and_run_only_when_told(project, tmp_path):
    canary = tmp_path / "canary"
    line = f"import pathlib; pathlib.Path({str(canary)!r}).touch()"
    path = archive(project, tmp_path / "a.zip", files=with_line(project, "harness/contract/bundle.py", line))
    before = runs(project)
    dry = replay(project, path, "dry_run=true")
    assert dry.returncode == 0 and "this runs code of an archive or plan from elsewhere" in dry.stdout
    assert "harness/contract/bundle.py +2 -0" in dry.stdout and "executes nothing of it" in dry.stdout
    refused = replay(project, path)
    assert refused.returncode == 2 and "trust=true" in refused.stderr and refused.stderr.count("\n") == 1
    assert not canary.exists() and runs(project) == before
    trusted = replay(project, path, "trust=true")
    assert trusted.returncode == 0, trusted.stdout + trusted.stderr
    assert canary.exists()
    assert "counted by code of an archive" in trusted.stdout
    assert "counted again by this checkout's program" in trusted.stdout


def test_a_patch_that_changes_what_lists_the_modules_is_never_imported(project, tmp_path):
    canary, author = tmp_path / "canary", tmp_path / "author"
    git(project, "clone", "-q", str(project), str(author))
    for module in ("src/harness/bundle.py", "src/harness/contract/bundle.py", "src/sitecustomize.py"):
        with (author / module).open("a") as file:
            file.write(f"\nimport pathlib; pathlib.Path({str(canary)!r}).touch()\n")
    git(author, "add", "--intent-to-add", ".")
    command = ["git", "-C", str(author), "diff", "--binary", "HEAD"]
    patch = subprocess.run(command, capture_output=True, check=True).stdout

    def dirty(plan):
        plan["provenance"]["git"] |= {"dirty": True, "patch_sha256": hashlib.sha256(patch).hexdigest()}
        plan["provenance"]["git"]["commit"] = json.loads((runs(project)[0] / "plan.json").read_text())["provenance"][
            "git"
        ]["commit"]

    path = archive(project, tmp_path / "a.zip", dirty, {"changes.patch": patch})
    for arguments in (("dry_run=true",), ()):
        replay(project, path, *arguments)
        assert not canary.exists()


def test_an_archive_of_code_of_this_repository_asks_nothing(project, tmp_path):
    done = replay(project, archive(project, tmp_path / "a.zip"))
    assert done.returncode == 0 and "IDENTICAL" in done.stdout and "foreign  " not in done.stdout
    assert "counted by the run's own code, of commit" in done.stdout


def test_an_archive_that_counts_for_itself_is_found_out(project, tmp_path):
    source = (project / "src" / "programs" / "tiny" / "training.py").read_text()
    assert "def finish(" in source
    line = """
_finish = Training.finish
def _all(self):
    import dataclasses
    outcome = _finish(self)
    metrics = {name: type(value)(1.0) for name, value in outcome.metrics.items()}
    return dataclasses.replace(outcome, metrics=metrics, confusion=(), classes=())
Training.finish = _all
"""
    (name,) = re.findall(r"^class (\w+)\(Steps\)", source, re.MULTILINE)
    forged = with_line(project, "programs/tiny/training.py", line.replace("Training", name))

    def everything_right(record):
        record["results"]["metrics"] |= {each: 1.0 for each in record["results"]["metrics"] if each.startswith("test_")}
        record["results"] |= {"confusion": [], "classes": []}

    path = archive(project, tmp_path / "a.zip", files=forged, recorded=everything_right)
    done = replay(project, path, "trust=true")
    assert done.returncode == 1 and "DIFFERENT" in done.stdout, done.stdout + done.stderr
    assert "counted again by this checkout's program" in done.stdout


@pytest.mark.long
def test_settings_of_a_plan_are_checked_as_typed_ones_are(project, tmp_path):
    config = json.loads((runs(project)[0] / "plan.json").read_text())["experiment"]["config"]
    before = runs(project)
    for value in ("many", -5, True):
        done = replay(
            project,
            archive(project, tmp_path / "a.zip", lambda plan, v=value: plan["experiment"]["config"].update(epochs=v)),
        )
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "epochs" in done.stderr
    for field, value in (("instance_count", 0), ("instance_count", 5000), ("threads", -1), ("runner", "odd")):
        done = replay(
            project,
            archive(project, tmp_path / "a.zip", lambda plan, f=field, v=value: plan["placement"].update({f: v})),
        )
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert runs(project) == before and "epochs" in config


def test_a_command_to_type_holds_no_address_that_runs_something(project, tmp_path):
    for remote in ("https://example.org/x;touch${IFS}/tmp/pwned;#", "ext::sh -c 'id>&2'", "--upload-pack=x"):

        def gone(plan, remote=remote):
            plan["provenance"]["git"] |= {"commit": "f" * 40, "remote": remote}
            plan["experiment"]["code"] = "0" * 64

        done = replay(project, archive(project, tmp_path / "a.zip", gone), "dry_run=true")
        typed = done.stderr.rpartition("type: ")[2]
        assert done.returncode == 2 and typed.strip() == f"git fetch origin {'f' * 40}"


def test_the_code_of_a_commit_is_what_that_commit_bundles(project):
    head = json.loads((runs(project)[0] / "plan.json").read_text())["provenance"]["git"]["commit"]
    read = committed.files(project, head, "tiny", None)
    assert read == bundle.collect(project, "tiny") == reading.code(runs(project)[0] / "code")
    for commit in ("--lock", "-f", "HEAD", "f" * 40):
        with pytest.raises(NotReady, match="is not in this repository"):
            committed.files(project, commit, "tiny", None)
    listed = subprocess.run(["git", "-C", str(project), "worktree", "list"], capture_output=True, text=True, check=True)
    assert listed.stdout.count("\n") == 1


def test_links_that_a_patch_makes_are_not_read(project, tmp_path):
    author = tmp_path / "author"
    git(project, "clone", "-q", str(project), str(author))
    (author / "src" / "programs" / "tiny" / "more.py").symlink_to("/etc/hostname")
    git(author, "add", "--intent-to-add", ".")
    command = ["git", "-C", str(author), "diff", "--binary", "HEAD"]
    (tmp_path / "changes.patch").write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    head = run_folder.read_plan(runs(project)[0] / "plan.json").provenance.git.commit
    with pytest.raises(NotReady, match="link"):
        committed.files(project, head, "tiny", tmp_path / "changes.patch")


def test_the_id_of_the_plan_is_of_what_it_says(project):
    plan = run_folder.read_plan(runs(project)[0] / "plan.json")
    assert experiment_id(plan.experiment, plan.schema) == plan.experiment_id
