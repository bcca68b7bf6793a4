"""Where a run comes from: the git state, with a patch of what is not committed, and the locks."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.contract.plan import Git
from harness.provenance.credentials import SECRET_FILE, SECRET_TEXT, secrets, without_credentials

LARGEST_UNTRACKED = 2**20  # bytes; a larger untracked file is named as withheld instead of carried in the patch
PIPELINE_LOCK = "dvc.lock"  # DVC writes it while stages run: an output, no work of the user's


@dataclass(frozen=True)
class GitState:
    """The commit, the patch from it to the working tree (untracked files too), and the files left out of the patch."""

    git: Git | None
    patch: bytes
    withheld: tuple[str, ...]


def git_state(root: Path) -> GitState:
    """The git state of the project at `root`; git None outside a repository, without a commit, or without git."""
    if shutil.which("git") is None or not (top := _git(root, "rev-parse", "--show-toplevel").strip()):
        return GitState(None, b"", ())
    if not (commit := _git(root, "rev-parse", "--verify", "-q", "HEAD").decode().strip()):
        return GitState(None, b"", ())
    branch = _git(root, "symbolic-ref", "-q", "--short", "HEAD").decode().strip() or None
    name = _git(root, "config", f"branch.{branch}.remote").decode().strip() or "origin"
    remote = without_credentials(_git(root, "config", "--get", f"remote.{name}.url").decode().strip()) or None
    # What the last fetch or push knew: asking the remote itself could hang, and needs a network.
    pushed = bool(_git(root, "branch", "-r", "--contains", commit).strip()) if remote else None
    patch, withheld = _patch(Path(top.decode()))
    digest = hashlib.sha256(patch).hexdigest() if patch else None
    return GitState(Git(commit, branch, remote, pushed, bool(patch or withheld), digest), patch, withheld)


def _patch(top: Path) -> tuple[bytes, tuple[str, ...]]:
    """`git diff HEAD` with untracked files as additions, made through a copy of the index: the real one stays."""
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index"
        real = Path(_git(top, "rev-parse", "--git-path", "index").decode().strip())
        if (top / real).exists():
            shutil.copyfile(top / real, index)
        env = {"GIT_INDEX_FILE": str(index)}
        untracked = _paths(_git(top, "ls-files", "-z", "--others", "--exclude-standard"))
        changed = _paths(_git(top, "diff", "-z", "--name-only", "--no-renames", "HEAD"))
        withheld = {path for path in (*untracked, *changed) if _secret(top / path, path)}
        withheld |= {path for path in untracked if _size(top / path) > LARGEST_UNTRACKED}
        kept = [path for path in untracked if path not in withheld and path != PIPELINE_LOCK]
        if kept:
            listing = b"\0".join(os.fsencode(path) for path in kept)
            _git(top, "add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul", env=env, stdin=listing)
        options = (
            "--binary",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--no-renames",
            "--src-prefix=a/",
            "--dst-prefix=b/",
        )
        exclude = [f":(exclude,literal,top){path}" for path in (*sorted(withheld), PIPELINE_LOCK)]
        return _git(top, "diff", *options, "HEAD", "--", ":/", *exclude, env=env), tuple(sorted(withheld))


def _paths(listing: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listing.split(b"\0") if name]


def _size(path: Path) -> int:
    return path.lstat().st_size if os.path.lexists(path) else 0


def _secret(path: Path, name: str) -> bool:
    if SECRET_FILE.search(name):
        return True
    if not path.is_file() or path.is_symlink() or _size(path) > 16 * LARGEST_UNTRACKED:
        return False
    content = path.read_bytes()
    return bool(SECRET_TEXT.search(content)) or any(secret in content for secret in secrets())


def run(root: Path, *arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """One git command, as text; return code 127 where there is no git. The project's own hooks do not run."""
    done = _run(root, arguments, stdin.encode(), environment)
    output, errors = (each.decode(errors="replace") for each in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, output, errors)


def _git(root: Path, *arguments: str, env: dict[str, str] | None = None, stdin: bytes = b"") -> bytes:
    """What git prints; empty where it fails, which each caller reads as "not known"."""
    done = _run(root, arguments, stdin, env or {})
    return done.stdout if done.returncode == 0 else b""


def _run(
    root: Path, arguments: Sequence[str], stdin: bytes, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(root), "-c", "core.quotePath=false", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        return subprocess.run(command, input=stdin, capture_output=True, env={**os.environ, **environment}, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, b"", b"no git")


def commit_in_words(git: Git | None) -> str:
    """A commit in words."""
    if git is None:
        return "unknown (not a git repository)"
    return f"{git.commit[:12]} on {git.branch or 'no branch'}{', with uncommitted changes' if git.dirty else ''}"
