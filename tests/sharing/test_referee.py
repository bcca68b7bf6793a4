"""Of two commits that claim the same place one lands, and nothing of the user's moves with either."""

import subprocess
from pathlib import Path

import pytest

from harness.contract.errors import NotReady
from harness.sharing import referee
from tests.support.projects import git


def says(checkout: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(checkout), *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two checkouts of one remote."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "git.git")], check=True)
    checkouts = tmp_path / "Ada", tmp_path / "Bea"
    for checkout in checkouts:
        git(tmp_path, "clone", "--quiet", str(tmp_path / "git.git"), str(checkout))
        for key, value in (("user.name", checkout.name), ("user.email", "a@example.org")):
            git(checkout, "config", key, value)
        if checkout.name == "Ada":
            (checkout / "file").write_text("one\n")
            git(checkout, "add", "file")
            git(checkout, "commit", "-m", "first")
            git(checkout, "push", "--quiet", "--set-upstream", "origin", "HEAD:main")
    return checkouts


def test_the_remote_takes_the_first_with_its_tag_and_refuses_the_second_whole(two: tuple[Path, Path]) -> None:
    ada, bea = (referee.branch(checkout, alone=False) for checkout in two)
    commit = referee.land(ada, {"promoted/mine.json": b"ada\n"}, "Ada's", "promoted/mine/1")
    assert says(two[0], "rev-parse", "HEAD", "origin/main", "promoted/mine/1").split() == [commit] * 3
    before = says(two[1], "rev-parse", "HEAD")
    with pytest.raises(referee.Refused, match="origin refused the push"):
        referee.land(bea, {"promoted/mine.json": b"bea\n"}, "Bea's", "promoted/mine/1")
    assert says(two[1], "rev-parse", "HEAD") == before and says(two[1], "tag") == ""
    assert says(two[1], "ls-remote", "origin").count(commit) == 3  # HEAD, main and the tag


def test_on_branches_of_their_own_the_tag_decides(two: tuple[Path, Path]) -> None:
    git(two[1], "switch", "--quiet", "--create", "other")
    git(two[1], "push", "--quiet", "--set-upstream", "origin", "other")
    ada, bea = (referee.branch(checkout, alone=False) for checkout in two)
    referee.land(ada, {"a": b"ada\n"}, "Ada's", "promoted/mine/1")
    with pytest.raises(referee.Refused):
        referee.land(bea, {"a": b"bea\n"}, "Bea's", "promoted/mine/1")
    assert "Bea's" not in says(two[1], "log", "--format=%s", "origin/other")


def test_what_is_staged_or_changed_stays_so_and_out_of_the_commit(two: tuple[Path, Path]) -> None:
    checkout = two[0]
    (checkout / "file").write_text("changed\n")
    (checkout / "staged").write_text("staged\n")
    git(checkout, "add", "staged")
    referee.land(referee.branch(checkout, alone=False), {"new": b"new\n"}, "Mine", "t/1")
    (checkout / "new").write_text("new\n")
    assert says(checkout, "show", "--format=", "--name-only", "HEAD").split() == ["new"]
    assert says(checkout, "status", "--short").splitlines() == [" M file", "A  staged"]


def test_without_a_remote_the_branch_goes_on_once(two: tuple[Path, Path]) -> None:
    checkout = two[0]
    first, second = (referee.branch(checkout, alone=True) for _ in range(2))
    assert first.remote is None
    referee.land(first, {"new": b"one\n"}, "One", None)
    with pytest.raises(referee.Refused, match="gone on meanwhile"):
        referee.land(second, {"new": b"two\n"}, "Two", None)
    assert says(checkout, "log", "-1", "--format=%s") == "One\n"


def test_a_branch_that_is_not_just_what_the_remote_has_is_refused(two: tuple[Path, Path]) -> None:
    checkout = two[0]
    referee.refuse_apart(referee.branch(checkout, alone=False))
    git(checkout, "commit", "--allow-empty", "-m", "mine alone")
    with pytest.raises(NotReady, match="1 commits ahead"):
        referee.refuse_apart(referee.branch(checkout, alone=False))
    git(checkout, "branch", "--unset-upstream")
    with pytest.raises(NotReady, match="follows no branch of origin"):
        referee.branch(checkout, alone=False)
    git(checkout, "switch", "--quiet", "--detach")
    with pytest.raises(NotReady, match="no branch is checked out"):
        referee.branch(checkout, alone=False)
