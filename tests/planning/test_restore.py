"""The code of an earlier run: of its commit and patch, else its own copy, and never another than its plan says."""

import dataclasses
from pathlib import Path

import pytest

from harness.contract import bundle, plan
from harness.contract.errors import NotReady
from harness.planning import committed, restore
from harness.provenance import command
from harness.runs import run_folder, stored
from harness.runs.stored import StoredRun
from tests.support.plans import DESCRIPTION, EXPERIMENT, NOW, PLACEMENT, PROVENANCE
from tests.support.projects import git
from tests.support.records import FOREST, completed, plan_of, stage

LISTED = 'HARNESS = ("contract",)\nHOST = "host"\nLOCK = "requirements-train.lock"\n'
PATCH = b"""--- a/src/programs/mine/__init__.py
+++ b/src/programs/mine/__init__.py
@@ -1 +1 @@
-one = 1
+one = 2
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a program."""
    folder = tmp_path_factory.mktemp("repository")
    for name, text in {
        "src/harness/__init__.py": "",
        "src/harness/contract/bundle.py": LISTED,
        "src/programs/__init__.py": "",
        "src/programs/mine/__init__.py": "one = 1\n",
        "src/programs/mine/host/plots.py": "stays\n",
        "requirements-train.lock": "a==1\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def made(
    root: Path, runs: Path, files: dict[str, bytes], patch: bytes = b"", kept: dict[str, bytes] | None = None
) -> StoredRun:
    """A run of these files, which keeps a copy of `kept`."""
    commit = command.run(root, "rev-parse", "HEAD").stdout.strip()
    state = plan.Git(commit, "main", None, None, bool(patch), "0" * 64 if patch else None)
    experiment = dataclasses.replace(
        EXPERIMENT, program="mine", code=bundle.code_hash(files), lock=bundle.lock_hash(files)
    )
    provenance = dataclasses.replace(PROVENANCE, git=state)
    planned = plan.make(experiment, DESCRIPTION, PLACEMENT, provenance, NOW)
    return stored.read(run_folder.stage(runs, planned, files if kept is None else kept, patch))


@pytest.fixture(scope="module")
def files(root: Path) -> dict[str, bytes]:
    commit = command.run(root, "rev-parse", "HEAD").stdout.strip()
    return committed.files(root, commit, "mine", None)


def test_the_commit_gives_the_code_and_its_patch_what_was_changed(
    root: Path, files: dict[str, bytes], tmp_path: Path
) -> None:
    assert set(files) == {
        *("harness/__init__.py", "harness/contract/bundle.py", "programs/__init__.py", "programs/mine/__init__.py"),
        "requirements-train.lock",
    }
    lines: list[str] = []
    assert restore.code(root, made(root, tmp_path / "a", files, kept={**files, "x": b""}), lines.append) == files
    changed = {**files, "programs/mine/__init__.py": b"one = 2\n"}
    assert restore.code(root, made(root, tmp_path / "b", changed, PATCH, kept=files), lines.append) == changed
    assert [line.partition(",")[0].split(" and ")[1:] for line in lines] == [[], ["changes.patch"]]


@pytest.mark.parametrize("patch", [b"", PATCH.replace(b"one = 1", b"one = 7")], ids=["other code", "no such line"])
def test_where_they_do_not_the_runs_own_copy_does(
    root: Path, files: dict[str, bytes], tmp_path: Path, patch: bytes
) -> None:
    other = {**files, "programs/mine/__init__.py": b"one = 3\n"}
    lines: list[str] = []
    assert restore.code(root, made(root, tmp_path, other, patch), lines.append) == other
    why = "its changes.patch does not apply" if patch else "and its patch give other code"
    assert lines[0].startswith("code      the run's own copy, since ") and why in lines[0]


def test_a_copy_that_was_changed_is_refused(root: Path, files: dict[str, bytes], tmp_path: Path) -> None:
    run = made(root, tmp_path, {**files, "programs/mine/__init__.py": b"one = 3\n"})
    (run.folder.code / "programs" / "mine" / "__init__.py").write_text("one = 4\n")
    with pytest.raises(NotReady, match=r"and its patch give other code; .*code was changed; last seen in commit"):
        restore.code(root, run, lambda line: None)


def test_another_lock_than_here_is_refused(root: Path, files: dict[str, bytes], tmp_path: Path) -> None:
    restore.libraries(root, made(root, tmp_path / "a", files))
    with pytest.raises(NotReady, match=r"its lock [0-9a-f]{12} is not this project's"):
        restore.libraries(root, made(root, tmp_path / "b", {**files, bundle.LOCK: b"a==2\n"}))


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://example.org/x.git", "https://example.org/x.git"),
        ("git@example.org:me/x", "git@example.org:me/x"),
        ("https://example.org/x;touch${IFS}/tmp/y;#", "origin"),
        ("ext::sh -c 'id>&2'", "origin"),
        ("--upload-pack=x", "origin"),
        (None, "origin"),
    ],
)
def test_what_to_type_holds_no_address_that_runs_something(
    root: Path, files: dict[str, bytes], tmp_path: Path, remote: str | None, shown: str
) -> None:
    run = made(root, tmp_path, {**files, "programs/mine/__init__.py": b"one = 3\n"}, kept=files)
    assert run.plan.provenance.git is not None
    state = dataclasses.replace(run.plan.provenance.git, remote=remote)
    provenance = dataclasses.replace(run.plan.provenance, git=state)
    run = dataclasses.replace(run, plan=dataclasses.replace(run.plan, provenance=provenance))
    with pytest.raises(NotReady) as error:
        restore.code(root, run, lambda line: None)
    assert error.value.command == f"git fetch {shown} {state.commit}"


def test_a_folder_of_a_commit_that_leads_elsewhere_is_not_read(root: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(root, "clone", "-q", str(root), str(clone))
    (clone / "src" / "harness").rename(tmp_path / "elsewhere")
    (clone / "src" / "harness").symlink_to(tmp_path / "elsewhere")
    git(clone, "add", "--all")
    git(clone, "commit", "-m", "a link")
    commit = command.run(clone, "rev-parse", "HEAD").stdout.strip()
    with pytest.raises(NotReady, match=r"src/harness/__init__\.py is a link"):
        committed.files(clone, commit, "mine", None)


@pytest.fixture
def elsewhere(tmp_path: Path) -> StoredRun:
    """A run of a program that is nowhere, with a lock that is nowhere."""
    planned = plan_of(FOREST, program="of_nobody")
    return stored.read(stage(tmp_path / "runs", planned, completed(planned, 10.0)))


def test_a_run_of_a_program_that_this_checkout_lacks_is_one_line(elsewhere: StoredRun) -> None:
    with pytest.raises(NotReady) as caught:
        restore.check_program(elsewhere)
    assert "this checkout has no src/programs/of_nobody; legal: cifar10 | digits" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_lock_is_refused_but_of_a_program_whose_environments_are_made_by_lock(
    elsewhere: StoredRun, tmp_path: Path
) -> None:
    (tmp_path / bundle.LOCK).write_text("another==1\n")
    with pytest.raises(NotReady, match="is not this project's"):
        restore.libraries(tmp_path, elsewhere)
    own = tmp_path / "src" / "programs" / "of_nobody" / "requirements.lock"
    own.parent.mkdir(parents=True)
    own.write_text("another==2\n")
    restore.libraries(tmp_path, elsewhere)
