"""What of a training a branch changes, by the paths of its commits alone, in a repository of real git."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.contract import serial
from harness.contract.errors import NotReady
from harness.sharing import changes
from harness.sharing.promotions import History
from tests.sharing.test_promotions import ENTRY
from tests.support.projects import git

SETTINGS: Any = SimpleNamespace(program="mine", data=SimpleNamespace(pin="mine.dvc"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one commit on main, and a branch that is checked out."""
    write(tmp_path, "requirements-train.lock", "README.md")
    git(tmp_path, "init")
    commit(tmp_path)
    git(tmp_path, "switch", "--create", "branch")
    return tmp_path


def write(project: Path, *names: str) -> None:
    for name in names:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.read_text() if path.exists() else ''}x\n")


def commit(project: Path) -> None:
    git(project, "add", ".")
    git(project, "commit", "-m", "one more")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("README.md", None),
        ("docs/data.md", None),
        ("src/train.py", None),
        ("src/harness/launch/local.py", None),
        ("src/harness/contract/plan.py", "code"),
        ("src/harness/worker/loop.py", "code"),
        ("src/harness/frameworks/jax.py", "code"),
        ("src/programs/__init__.py", "code"),
        ("src/programs/mine/training.py", "code"),
        ("src/programs/mine/host/plots.py", None),
        ("src/programs/minerva/training.py", None),
        ("conf/program/mine.yaml", "settings"),
        ("conf/program/other.yaml", None),
        ("conf/scale_of/mine/quick.yaml", "settings"),
        ("conf/config.yaml", "settings"),
        ("conf/mode/local.yaml", "settings"),
        ("conf/mode/cloud.yaml", None),
        ("mine.dvc", "data"),
        ("other.dvc", None),
        ("requirements-train.lock", "libraries"),
        ("requirements.lock", None),
    ],
)
def test_each_file_counts_as_what_it_is_to_the_training(project: Path, name: str, word: str | None) -> None:
    write(project, name)
    commit(project)
    assert changes.since(project, "main", SETTINGS).words == ((word,) if word else ())


def test_a_lock_of_the_programs_own_counts_in_place_of_the_projects(project: Path) -> None:
    write(project, "src/programs/mine/requirements.lock")
    commit(project)
    git(project, "branch", "--force", "main")
    write(project, "requirements-train.lock")
    commit(project)
    assert changes.since(project, "main", SETTINGS).words == ()
    write(project, "src/programs/mine/requirements.lock")
    commit(project)
    assert changes.since(project, "main", SETTINGS).words == ("libraries",)


def test_what_the_base_did_meanwhile_is_no_change_of_the_branchs(project: Path) -> None:
    write(project, "conf/program/mine.yaml")
    commit(project)
    git(project, "switch", "main")
    write(project, "mine.dvc")
    commit(project)
    git(project, "switch", "branch")
    assert changes.since(project, "main", SETTINGS).words == ("settings",)


def test_against_the_run_in_force_what_moved_since_its_commit_counts_and_without_one_everything(project: Path) -> None:
    assert changes.since(project, "promoted", SETTINGS).words == changes.ALL
    head = changes.since(project, "main", SETTINGS).base
    (project / "promoted").mkdir()
    history = History(1, "mine", (ENTRY.__class__(**{**vars(ENTRY), "commit": head}),))
    (project / "promoted" / "mine.json").write_text(serial.dumps(history))
    commit(project)
    assert changes.since(project, "promoted", SETTINGS).words == ()
    write(project, "mine.dvc")
    commit(project)
    found = changes.since(project, "promoted", SETTINGS)
    assert (found.words, found.fork) == (("data",), head)


@pytest.mark.parametrize("revision", ["nowhere", "", "--help", "-h", "main..branch"])
def test_what_is_no_commit_is_refused_in_one_line(project: Path, revision: str) -> None:
    with pytest.raises(NotReady, match="no commit"):
        changes.since(project, revision, SETTINGS)
