"""What differs between a commit and the working tree, as git sees it and where its index hides it."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.provenance.command import GitFailed, answer, output, words

SUBMODULE = b"160000"  # the mode of an entry that is a commit of another repository
HARMLESS = (b"CRLF", b"LF will be replaced")  # warnings of line ends, which change nothing here
STATUS = ("--porcelain=v2", "-z", "--branch", "--untracked-files=all", "--ignore-submodules=none", "--no-renames")
FILTER = re.compile(r"clean filter '(.+)' failed")
IGNORED = ("--others", "--ignored", "--exclude-standard")
OTHER = "a repository of its own"


@dataclass(frozen=True)
class Changes:
    """Paths below the top of the working tree, as the file system spells them.

    `foreign` are changed submodules and repositories inside this one, each with what it is; `unknown` says what git
    could not look at.
    """

    tracked: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    foreign: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def find(top: Path, commit: str) -> Changes:
    """What differs from the commit at HEAD.

    Raises:
        GitFailed: git cannot say.
    """
    status = _status(top)
    tracked: set[str] = set()
    untracked: list[str] = []
    foreign: dict[str, str] = {}
    unknown = [f"git: {words(line)}" for line in status.stderr.splitlines() if _matters(line)]
    for entry in filter(None, status.stdout.split(b"\0")):
        kind, _, rest = entry.partition(b" ")
        if kind == b"?" and rest.endswith(b"/"):
            foreign[os.fsdecode(rest.rstrip(b"/"))] = OTHER
        elif kind == b"?":
            untracked.append(os.fsdecode(rest))
        elif kind in (b"1", b"u"):
            fields = rest.split(b" ", 7 if kind == b"1" else 9)
            path = os.fsdecode(fields[-1])
            if fields[1].startswith(b"S") or SUBMODULE in fields[2:6]:
                foreign[path] = "a changed submodule"
            else:
                tracked.add(path)
        elif entry.startswith(b"# branch.oid ") and entry.split(b" ")[2] != commit.encode():
            unknown.append(f"HEAD moved from {commit[:12]} while it was read")
    hidden, submodules = _flagged(top)
    for path in submodules:
        if path not in foreign and _filled_without_repository(top / path):
            foreign[path] = "a submodule that is not initialised"
    return Changes(tuple(sorted(tracked | hidden)), tuple(untracked), foreign, tuple(unknown))


def named(top: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """The files among these, and below the folders among them, that are untracked and ignored: the user names them."""
    there = [path for path in paths if os.path.lexists(top / path)]
    if not there:
        return ()
    listing = output(top, "--literal-pathspecs", "ls-files", "-z", *IGNORED, "--", *there).split(b"\0")
    return tuple(os.fsdecode(path) for path in listing if path and not path.endswith(b"/"))


def _status(top: Path) -> "subprocess.CompletedProcess[bytes]":
    """Git's status; where a file's filter is not installed, that of the others, and an error for this one."""
    optional: dict[str, str] = {}
    while True:
        try:
            return answer(top, "status", *STATUS, configuration=optional)
        except GitFailed as error:
            filtered = FILTER.search(str(error))
            if filtered is None or (name := f"filter.{filtered[1]}.required") in optional:
                raise
            optional[name] = "false"


def _matters(line: bytes) -> bool:
    return line.startswith((b"error:", b"warning:", b"fatal:")) and not any(word in line for word in HARMLESS)


def _flagged(top: Path) -> tuple[set[str], list[str]]:
    """Files that the index says not to look at, as far as they are there or ought to be; and all submodules."""
    hidden: set[str] = set()
    submodules = []
    for entry in filter(None, output(top, "ls-files", "-v", "-s", "-z").split(b"\0")):
        about, _, raw = entry.partition(b"\t")
        tag, mode, _ = about.split(b" ", 2)
        if mode == SUBMODULE:
            submodules.append(os.fsdecode(raw))
        elif tag.islower() or tag == b"S":
            path = os.fsdecode(raw)
            # what a sparse checkout leaves away is no change
            if os.path.lexists(top / path) or tag == b"h":
                hidden.add(path)
    return hidden, submodules


def _filled_without_repository(folder: Path) -> bool:
    try:
        return folder.is_dir() and not os.path.lexists(folder / ".git") and any(folder.iterdir())
    except OSError:
        return True


def obstacle(top: Path, path: str) -> str | None:
    """Why a file that is there cannot be carried; None where it can, or is gone."""
    place = top / path
    try:
        if is_gone(top, path) or place.is_symlink():
            return None
        if not place.is_file():
            return "it is no regular file"
        place.open("rb").close()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return None


def is_gone(top: Path, path: str) -> bool:
    """Whether no file is there any more: a folder may have taken its place, or a link that of one of its folders."""
    place = top / path
    if not os.path.lexists(place) or (place.is_dir() and not place.is_symlink()):
        return True
    return any((top / parent).is_symlink() for parent in Path(path).parents)


def without(differ: Changes, path: str) -> Changes:
    """The same changes, but for one file."""
    tracked, untracked = (tuple(each for each in paths if each != path) for paths in (differ.tracked, differ.untracked))
    return replace(differ, tracked=tracked, untracked=untracked)
