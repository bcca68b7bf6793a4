"""Put files into a commit of their own and have git decide whose comes first.

Nothing of the user's moves until that is decided: the commit is made beside branch, index and working tree, pushed
with its tag, and only then the branch goes on to it. Of two such pushes a remote takes one; without a remote it is
the branch that goes on once.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.contract.errors import NotReady, RunFailed
from harness.provenance.command import GitFailed, line, output, run

PUSH = "git push"


class Refused(RunFailed):
    """Somebody else's commit came first."""


@dataclass(frozen=True)
class Branch:
    """Where a commit goes: a branch at `head`, and the remote and its branch that this one follows, if any."""

    root: Path
    name: str
    head: str
    remote: str | None
    follows: str | None

    @property
    def latest(self) -> str:
        """The commit that everybody has: of the remote's branch, as fetched; without one, the branch's own."""
        return f"refs/remotes/{self.remote}/{self.follows}" if self.remote else self.head


def branch(root: Path, alone: bool) -> Branch:
    """The branch that is checked out, the remote's newest commits fetched; `alone` leaves the remote out of it.

    Raises:
        NotReady: there is none, it follows no remote where there is one, git fails, or the remote does not answer.
    """
    try:
        name = line(output(root, "symbolic-ref", "--short", "--quiet", "HEAD", codes=(0, 1))).decode()
        if not name:
            raise NotReady("no branch is checked out", command="git switch BRANCH")
        head = line(output(root, "rev-parse", "--verify", "HEAD")).decode()
        remote, merge = (
            line(output(root, "config", f"branch.{name}.{key}", codes=(0, 1))).decode() for key in ("remote", "merge")
        )
        remotes = output(root, "remote").decode().split()
    except GitFailed as error:
        raise NotReady(str(error), command="git status") from error
    if alone or not remotes:
        return Branch(root, name, head, None, None)
    if remote not in remotes:
        what = f"{name} follows no branch of {' or '.join(remotes)}"
        raise NotReady(what, command=f"git push --set-upstream {remotes[0]} {name}")
    found = Branch(root, name, head, remote, merge.removeprefix("refs/heads/"))
    fetch(found)
    return found


def fetch(at: Branch) -> None:
    """Ask the remote for its newest commits.

    Raises:
        NotReady: it does not answer.
    """
    if at.remote is None:
        return
    wanted = f"+refs/heads/{at.follows}:{at.latest}"
    done = run(at.root, "fetch", "--quiet", at.remote, wanted, GIT_TERMINAL_PROMPT="0")
    if done.returncode:
        raise NotReady(f"git fetch {at.remote} fails: {_last(done.stderr)}", command=f"git fetch {at.remote}")


def refuse_apart(at: Branch) -> None:
    """Refuse a branch that is not just what the remote has: a push would take other commits along, or be refused.

    Raises:
        NotReady: it is ahead of the remote's, or behind.
    """
    if not at.remote:
        return
    counted = run(at.root, "rev-list", "--left-right", "--count", f"{at.latest}...{at.head}").stdout.split()
    behind, ahead = (int(each) for each in counted)
    if behind or ahead:
        words = f"{at.name} is {ahead} commits ahead of {at.remote} and {behind} behind"
        raise NotReady(words, legal="a branch that is just what the remote has", command="git pull, then git push")


def land(at: Branch, files: Mapping[str, bytes], message: str, tag: str | None) -> str:
    """Commit files, by path below the project, on the branch; with a tag also push both. The commit's hash.

    Raises:
        Refused: the remote, or the branch, has gone on meanwhile.
        NotReady: git cannot make the commit.
    """
    try:
        commit = _commit(at, files, message)
        if at.remote and tag:
            _push(at, commit, tag)
        moves = [f"update refs/heads/{at.name} {commit} {at.head}"]
        moves += [f"create refs/tags/{tag} {commit}"] if tag else []
        moved = run(at.root, "update-ref", "--stdin", stdin="\n".join([*moves, ""]))
        if moved.returncode:
            raise Refused(f"{at.name} has gone on meanwhile: {_last(moved.stderr)}")
        output(at.root, "reset", "--quiet", commit, "--", *files, codes=(0, 1))
    except GitFailed as error:
        raise NotReady(str(error), command="git status") from error
    return commit


def _commit(at: Branch, files: Mapping[str, bytes], message: str) -> str:
    """A commit after `head` that holds these files, on no branch yet."""
    root = at.root
    prefix = line(output(root, "rev-parse", "--show-prefix")).decode()
    with tempfile.TemporaryDirectory() as scratch:
        beside = {"GIT_INDEX_FILE": os.path.join(scratch, "index")}  # noqa: PTH118  # text for the environment
        output(root, "read-tree", at.head, environment=beside)
        for path, content in files.items():
            blob = line(output(root, "hash-object", "-w", "--stdin", stdin=content)).decode()
            entry = f"100644,{blob},{prefix}{path}"
            output(root, "update-index", "--add", "--cacheinfo", entry, environment=beside)
        tree = line(output(root, "write-tree", environment=beside)).decode()
    made = output(root, "commit-tree", tree, "-p", at.head, "-F", "-", stdin=message.encode())
    return line(made).decode()


def _push(at: Branch, commit: str, tag: str) -> None:
    assert at.remote is not None
    wanted = (f"{commit}:refs/heads/{at.follows}", f"{commit}:refs/tags/{tag}")
    done = run(at.root, "push", "--quiet", "--atomic", at.remote, *wanted, GIT_TERMINAL_PROMPT="0")
    if done.returncode:
        raise Refused(f"{at.remote} refused the push: {_last(done.stderr)}")


def _last(text: str) -> str:
    """The line that says why, without a password that an address holds."""
    from harness.provenance.credentials import redact

    lines = [each.strip() for each in text.splitlines() if each.strip() and not each.startswith("hint:")]
    told = [each for each in lines if "rejected" in each or each.startswith(("fatal:", "error:"))] or lines
    return redact((told or ["git does not say"])[0])[:300]
