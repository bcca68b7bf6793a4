"""Check that a commit and its patch give the files that a run is made of, without a checkout."""

import hashlib
import os
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from harness.contract import bundle
from harness.provenance import index
from harness.provenance.command import GitFailed, line, output, words
from harness.provenance.credentials import redact
from harness.provenance.index import Index
from harness.provenance.repository import GitState

LINK = b"120000"
HOPS = 8  # links that lead to links


def sources(root: Path, program: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a program's bundle by their paths in the project."""
    lock = bundle.lock(root, program).relative_to(root).as_posix()
    return {lock if name == bundle.LOCK else f"src/{name}": content for name, content in files.items()}


def checked(root: Path, program: str, state: GitState, files: Mapping[str, bytes]) -> GitState:
    """The state of a run of a program's bundle, with what its commit and patch do not give named as unknown."""
    differences = verify(root, state, sources(root, program, files))
    if state.git is None or not differences:
        return state
    return replace(state, git=replace(state.git, dirty=True), unknown=(*state.unknown, *differences))


def verify(root: Path, state: GitState, files: Mapping[str, bytes]) -> list[str]:
    """A line for each file (by its path in the project) that the state's commit and patch do not give; none: all do.

    A file counts as given where its bytes are in the repository, or come of a checkout here (line ends, filters).
    """
    if state.git is None:
        return []
    try:
        top = Path(os.fsdecode(line(output(root, "rev-parse", "--show-toplevel"))))
        project = PurePosixPath(root.resolve().relative_to(top.resolve()).as_posix())
        if not state.patch:  # the commit itself: no index is needed
            work = Index(top, state.git.commit, {})
            return _differences(work, work.committed(), project, files)
        with index.of_commit(top, state.git.commit) as work:
            work.apply(state.patch)
            return _differences(work, work.files(), project, files)
    except (GitFailed, ValueError) as error:
        return [f"whether commit and patch give this code: {redact(str(error))}"]


def _differences(
    work: Index, held: Mapping[str, tuple[bytes, bytes]], project: PurePosixPath, files: Mapping[str, bytes]
) -> list[str]:
    return [redact(row) for name in sorted(files) if (row := _difference(work, held, project, name, files[name]))]


def _difference(
    work: Index, held: Mapping[str, tuple[bytes, bytes]], project: PurePosixPath, name: str, content: bytes
) -> str | None:
    shown = words(os.fsencode(name))
    path = _resolved(work, held, str(project / name))
    if path not in held:
        return f"{shown} is not in the commit and its patch"
    found = held[path][1]
    if found.decode() == _blob_id(content, len(found)):
        return None
    try:
        same = work.checked_out(path, found) == content
    except GitFailed as error:
        return f"{shown} cannot be checked out: {error}"
    return None if same else f"{shown} is another one in the commit and its patch"


def _resolved(work: Index, held: Mapping[str, tuple[bytes, bytes]], path: str) -> str:
    """Where the links of a path lead inside the repository."""
    for _ in range(HOPS):
        steps = [path, *map(str, PurePosixPath(path).parents)]
        link = next((step for step in steps if held.get(step, (b"", b""))[0] == LINK), None)
        if link is None:
            break
        found = held[link][1]
        target = os.fsdecode(work.contents([found])[found])
        path = posixpath.normpath(posixpath.join(posixpath.dirname(link), target) + path[len(link) :])
    return path


def _blob_id(content: bytes, length: int) -> str:
    """Git's id of a content, in a repository whose ids are that long."""
    digest = hashlib.sha1 if length == 40 else hashlib.sha256
    return digest(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
