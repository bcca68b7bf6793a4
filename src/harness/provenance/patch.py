"""The patch from a commit to the working tree, and what it leaves out, with the reasons.

It carries changes of tracked files, untracked files in the project's src/ and conf/ and its own build files, and what
the user names; nothing that looks like a secret, before or after the change, is too large, or cannot be looked into.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from harness.provenance import changes, index, patch_parts, patterns, scan
from harness.provenance.changes import Changes
from harness.provenance.command import words
from harness.provenance.index import Entry

LARGEST_UNTRACKED = 2**20  # bytes
LARGEST_TRACKED = 8 * 2**20  # bytes, before or after the change
LARGEST_PART = 2 * 2**20  # bytes of one file's part of the patch
LARGEST_PATCH = 16 * 2**20  # bytes of the patch
LARGEST_READ = 32 * 2**20  # bytes of all contents, before and after, that a patch is made from
CARRIED = ("src", "conf")  # folders of the project whose untracked files travel
CARRIED_NAMES = re.compile(
    r"dvc\.yaml|params\.ya?ml|.*\.dvc|requirements.*\.(txt|in|lock)|Makefile|Dockerfile.*|pyproject\.toml|setup\.(py|cfg)"
    r"|\.gitattributes|\.gitignore|\.dvcignore|\.dockerignore"
)
OUTSIDE = "untracked, and outside what a patch carries"
NAMED = 200  # files that are named one by one; of more, a number is


@dataclass(frozen=True)
class Patch:
    """`content` makes the working tree's carried files of the commit; `withheld` names the others, with the reasons."""

    content: bytes
    withheld: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def make(top: Path, project: PurePosixPath, commit: str, differ: Changes, carry: Sequence[str]) -> Patch:
    """The patch of what differs. `project` is the project's folder below the top, `carry` what the user names.

    Raises:
        GitFailed: git cannot make it.
    """
    withheld = {path: f"{what}, which no patch carries" for path, what in differ.foreign.items()}
    wanted, tracked = [], {*differ.tracked}
    paths = (*differ.tracked, *differ.untracked)
    found = scan.named_all([os.fsencode(path) for path in (*paths, *differ.foreign)])
    named = {os.fsdecode(path): reason for path, reason in found.items()}
    untold = {path for path, reason in named.items() if reason == scan.NAME_HOLDS}
    for path in paths:
        reason = named.get(path)
        if reason is None:
            reason = _excluded(top, path, path in tracked or _carried(project, path, carry), path not in tracked)
        if reason is None:
            wanted.append(path)
        else:
            withheld[path] = reason
    if not wanted:
        return Patch(b"", _named(withheld, untold))
    with index.of_commit(top, commit) as work:
        unknown = work.add(wanted)
        entries = work.entries()
        withheld |= _too_large(entries, work.sizes(each for entry in entries for each in (entry.old, entry.new)))
        work.reset(entry for entry in entries if entry.path in withheld)
        entries = [entry for entry in entries if entry.path not in withheld]
        parts = dict(zip(entries, work.parts(entries), strict=True))
        contents = work.contents(each for entry in entries for each in (entry.old, entry.new))
    withheld |= _oversized(parts)
    withheld |= _secret({entry: part for entry, part in parts.items() if entry.path not in withheld}, contents)
    for entry in entries:
        if entry.path not in withheld and (clash := _clash(entry, withheld)):
            withheld[entry.path] = f"{_shown(clash, untold)}, whose place it takes, is left out"
    content = b"".join(part for entry, part in parts.items() if entry.path not in withheld)
    return Patch(content, _named(withheld, untold), tuple(unknown))


def _excluded(top: Path, path: str, carried: bool, untracked: bool) -> str | None:
    """Why a file is left out before git looks into it."""
    if not carried:
        return OUTSIDE
    if (obstacle := changes.obstacle(top, path)) is not None:
        return obstacle
    size = 0 if changes.is_gone(top, path) else (top / path).lstat().st_size
    if size > (LARGEST_UNTRACKED if untracked else LARGEST_TRACKED):
        return _large(size)
    return "nobody can look into it for secrets" if patterns.CLOSED.search(path) else None


def _carried(project: PurePosixPath, path: str, carry: Sequence[str]) -> bool:
    below = "" if project == PurePosixPath() else f"{project}/"
    if not path.startswith(below):
        return False
    name = path.removeprefix(below)
    first, inside, _ = name.partition("/")
    if (inside and first in CARRIED) or (not inside and CARRIED_NAMES.fullmatch(name)):
        return True
    return any(fnmatchcase(name, each) or f"{name}/".startswith(f"{each}/") for each in carry)


def _too_large(entries: Iterable[Entry], sizes: Mapping[bytes, int]) -> dict[str, str]:
    withheld, total = {}, 0
    for entry in entries:
        both = [sizes.get(each, 0) for each in (entry.old, entry.new)]
        total += sum(both)
        if max(both) > LARGEST_TRACKED or total > LARGEST_READ:
            withheld[entry.path] = _large(max(both))
            total -= sum(both)
    return withheld


def _oversized(parts: Mapping[Entry, bytes]) -> dict[str, str]:
    withheld, total = {}, 0
    for entry, part in parts.items():
        total += len(part)
        if len(part) > LARGEST_PART or total > LARGEST_PATCH:
            withheld[entry.path] = _large(len(part))
            total -= len(part)
    return withheld


def _large(size: int) -> str:
    return f"{size / 2**20:.1f} MiB, too large for the patch"


def _secret(parts: Mapping[Entry, bytes], contents: Mapping[bytes, bytes]) -> dict[str, str]:
    withheld = {}
    for entry, part in parts.items():
        old, new = contents.get(entry.old, b""), contents.get(entry.new, b"")
        head, binary, _ = part.partition(patch_parts.BINARY)
        if binary:
            kinds = {kind for each in (head, old, new) for kind in scan.findings(each, entry.path)}
        else:
            kinds = {*scan.findings(patch_parts.lines(part), entry.path), *scan.blocks(old), *scan.blocks(new)}
        if kinds:
            withheld[entry.path] = f"its change holds a secret: {', '.join(sorted(kinds))}"
    return withheld


def _clash(entry: Entry, withheld: Mapping[str, str]) -> str | None:
    """A file that is left out, and stands where this one is to be written."""
    if entry.is_gone:
        return None
    above = next((str(parent) for parent in PurePosixPath(entry.path).parents if str(parent) in withheld), None)
    return above or next((path for path in withheld if path.startswith(f"{entry.path}/")), None)


def _named(withheld: Mapping[str, str], untold: Collection[str]) -> tuple[str, ...]:
    """The files with their reasons; of very many, those first whose reason is not that they lie outside.

    The names in `untold` hold secrets themselves.
    """
    order = sorted(withheld, key=lambda path: (withheld[path] == OUTSIDE, path))
    named = [f"{_shown(path, untold)} ({withheld[path]})" for path in order[:NAMED]]
    rest = len(order) - len(named)
    return (*named, *([f"and {rest} more"] if rest else []))


def _shown(path: str, untold: Collection[str]) -> str:
    return "a file" if path in untold else words(os.fsencode(path))
