"""Where a run comes from: the state of git, with a patch of what is not committed.

What git cannot tell is unknown, and never clean.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from harness.contract.plan import Git
from harness.provenance import changes, patch
from harness.provenance.command import GitFailed, line, output, run, words
from harness.provenance.credentials import redact, without_credentials

PIPELINE_LOCK = "dvc.lock"  # DVC writes it while stages run: an output, no work of the user's
OWNER = re.compile(r"detected dubious ownership in repository at '?(.+?)'?$")

__all__ = ["GitState", "commit_in_words", "git_state", "run"]


@dataclass(frozen=True)
class GitState:
    """The commit, the patch from it to the working tree, the files left out of it, and what could not be determined."""

    git: Git | None
    patch: bytes
    withheld: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def git_state(root: Path, carry: Sequence[str] = ()) -> GitState:
    """The git state of the project at `root`; git None outside a repository, without a commit, or where git fails.

    `carry` names untracked files, folders or patterns below the project that the patch is to carry besides its own.
    """
    try:
        top, shallow = _top(root)
        if top is None:
            return GitState(None, b"", ())
        commit = line(output(top, "rev-parse", "--verify", "--quiet", "HEAD", codes=(0, 1))).decode()
        if not commit:
            return GitState(None, b"", (), ("the repository has no commit yet",))
        project = PurePosixPath(root.resolve().relative_to(top.resolve()).as_posix())
    except GitFailed as error:
        return GitState(None, b"", (), (_in_one_line(error),))
    except ValueError:
        return GitState(None, b"", (), ("the working tree of this repository is another folder than the project's",))
    unknown: list[str] = []
    branch, remote, pushed = _origin(top, commit, shallow, unknown)
    made = patch.Patch(b"", ())
    try:
        differ = changes.find(top, commit)
        lock = str(project / PIPELINE_LOCK)
        differ = changes.without(differ, lock)
        differ = replace(differ, untracked=(*differ.untracked, *changes.named(top, [str(project / x) for x in carry])))
        unknown += differ.unknown
        made = patch.make(top, project, commit, differ, carry)
        unknown += made.unknown
    except GitFailed as error:
        unknown.append(_in_one_line(error))
    except OSError as error:
        unknown.append(f"the working tree cannot be read: {error.strerror}")
    known = bool(made.content or made.withheld)
    dirty = None if unknown and not known else known
    digest = hashlib.sha256(made.content).hexdigest() if made.content else None
    git = Git(commit, branch, remote, pushed, dirty, digest)
    return GitState(git, made.content, made.withheld, tuple(redact(each) for each in unknown))


def _top(root: Path) -> tuple[Path | None, bool]:
    """The top of the working tree, None outside a repository; and whether its history is cut off."""
    try:
        answer = output(root, "rev-parse", "--is-shallow-repository", "--show-toplevel")
    except GitFailed as error:
        if (error.missing or "not a git repository" in str(error)) and not _near(root):
            return None, False
        raise
    shallow, _, top = line(answer).partition(b"\n")
    return Path(os.fsdecode(top)), shallow == b"true"


def _near(root: Path) -> bool:
    return any(os.path.lexists(folder / ".git") for folder in (root.resolve(), *root.resolve().parents))


def _origin(top: Path, commit: str, shallow: bool, unknown: list[str]) -> tuple[str | None, str | None, bool | None]:
    """The branch, the remote's address, and whether a remote has the commit: as the last fetch or push knew.

    Asking the remote itself could hang, and needs a network.
    """
    branch = remote = pushed = None
    try:
        name = line(output(top, "symbolic-ref", "--quiet", "HEAD", codes=(0, 1))).removeprefix(b"refs/heads/")
        branch = redact(words(name)) or None
        settings = _remotes(top)
        holders = output(top, "for-each-ref", f"--contains={commit}", "--format=%(refname)", "refs/remotes")
        refs = [ref.removeprefix(b"refs/remotes/") for ref in holders.splitlines()]
        own = settings.get(b"branch." + name + b".remote", b"origin")
        remotes = [key[len(b"remote.") : -len(b".url")] for key in settings if key.endswith(b".url")]
        holding = [each for each in remotes if any(ref.startswith(each + b"/") for ref in refs)]
        chosen = own if own in holding or not holding else holding[0]
        address = settings.get(b"remote." + chosen + b".url", b"")
        remote = without_credentials(words(address)) or None
        if remote:
            pushed = True if refs else None if shallow else False
    except GitFailed as error:
        unknown.append(_in_one_line(error))
    return branch, remote, pushed


def _remotes(top: Path) -> dict[bytes, bytes]:
    """The settings of branches and remotes; of several addresses git fetches from the first."""
    wanted = r"^(branch\..*\.remote|remote\..*\.url)$"
    rows = output(top, "config", "-z", "--get-regexp", wanted, codes=(0, 1)).split(b"\0")
    settings: dict[bytes, bytes] = {}
    for row in rows:
        name, _, value = row.partition(b"\n")
        settings.setdefault(name, value)
    return settings


def _in_one_line(error: GitFailed) -> str:
    if match := OWNER.search(str(error)):
        return f"git does not trust another owner's folder; type: git config --global --add safe.directory {match[1]}"
    return redact(str(error))


def commit_in_words(git: Git | None) -> str:
    """A commit in words."""
    if git is None:
        return "unknown (not a git repository)"
    suffix = {True: ", with uncommitted changes", False: "", None: ", and what is not committed is unknown"}[git.dirty]
    return f"{git.commit[:12]} on {git.branch or 'no branch'}{suffix}"
