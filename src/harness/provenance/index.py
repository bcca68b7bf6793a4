"""An index with an object store of its own: the project's index and objects stay as they are."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.provenance import changes, patch_parts
from harness.provenance.command import GitFailed, answer, line, output, words

DIFF = (
    *("--cached", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"),
    *("--no-relative", "-O/dev/null"),
)
PATCH = (
    *("--patch", "--binary", "--full-index", "--src-prefix=a/", "--dst-prefix=b/"),
    *("--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers"),
)
ONE_BY_ONE = 100  # files that are tried alone where not all could be read together
FUNCTION = re.compile(rb"(?m)^(@@ -[\d,]+ \+[\d,]+ @@).*$")  # git adds a line from outside the change


@dataclass(frozen=True)
class Entry:
    """A file that differs: modes and ids of its content in the commit and now (zeros: none)."""

    path: str
    old_mode: bytes
    new_mode: bytes
    old: bytes
    new: bytes
    status: bytes

    @property
    def parts(self) -> int:
        """How many parts of a patch it has: a file that becomes a link is removed and added."""
        return 2 if self.status == b"T" else 1

    @property
    def is_gone(self) -> bool:
        """Whether the file is there no more."""
        return self.status == b"D"


@contextmanager
def of_commit(top: Path, commit: str) -> Iterator["Index"]:
    """An index that holds a commit.

    Raises:
        GitFailed: the commit cannot be read.
    """
    objects = os.fsdecode(line(output(top, "rev-parse", "--path-format=absolute", "--git-path", "objects")))
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "objects").mkdir()
        environment = {
            "GIT_INDEX_FILE": f"{scratch}/index",
            "GIT_OBJECT_DIRECTORY": f"{scratch}/objects",
            # quoted, since a path may hold the colon that divides them
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": '"' + re.sub(r'(["\\])', r"\\\1", objects).replace("\n", "\\n") + '"',
        }
        output(top, "read-tree", commit, environment=environment)
        yield Index(top, commit, environment)


class Index:
    """What a commit and changes to it hold. Every method raises GitFailed where git does not answer."""

    def __init__(self, top: Path, commit: str, environment: Mapping[str, str]) -> None:
        self._top, self._commit, self._environment = top, commit, environment

    def add(self, paths: Sequence[str]) -> list[str]:
        """Bring files of the working tree in, or take out those that are gone; a line for each that cannot be read."""
        gone = {path for path in paths if changes.is_gone(self._top, path)}
        none = b"0" * len(self._commit)
        self._set(b"0 %s\t%s\0" % (none, os.fsencode(path)) for path in sorted(gone))
        present = [path for path in paths if path not in gone]
        try:
            return self._update(present)
        except GitFailed as error:  # one of them, mostly for a filter that is not installed: the others are fine
            if len(present) > ONE_BY_ONE:
                raise
            lines, first = [], str(error)
        for path in present:
            try:
                lines += self._update([path])
            except GitFailed as error:
                lines.append(f"{words(os.fsencode(path))}: {error}")
        return lines or [first]

    def reset(self, entries: Iterable[Entry]) -> None:
        """Give files back the content that they have in the commit."""
        self._set(b"%s %s\t%s\0" % (each.old_mode, each.old, os.fsencode(each.path)) for each in entries)

    def apply(self, patch: bytes) -> None:
        """Apply a patch."""
        self._git("apply", "--cached", "--binary", "--whitespace=nowarn", "-", stdin=patch)

    def entries(self) -> list[Entry]:
        """What differs from the commit, in the order of a patch."""
        fields = self._git("diff-index", *DIFF, "--raw", "-z", self._commit).split(b"\0")[:-1]
        return [
            Entry(os.fsdecode(path), *about.removeprefix(b":").split(b" "))
            for about, path in zip(fields[::2], fields[1::2], strict=True)
        ]

    def parts(self, entries: Sequence[Entry]) -> list[bytes]:
        """The patch of what differs, file by file; `entries` are all that do."""
        whole = FUNCTION.sub(rb"\1", self._git("diff-index", *DIFF, *PATCH, self._commit))
        pieces = patch_parts.split(whole)
        if len(pieces) != sum(entry.parts for entry in entries):
            raise GitFailed("git diff-index made another patch than it said")
        rest = iter(pieces)
        return [b"".join(next(rest) for _ in range(entry.parts)) for entry in entries]

    def sizes(self, ids: Iterable[bytes]) -> dict[bytes, int]:
        """The sizes of contents."""
        listing = self._git("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=_lines(ids)).splitlines()
        if missing := [row for row in listing if row.endswith(b" missing")]:
            raise GitFailed(f"git cat-file: {words(missing[0])}")
        return {row.split(b" ")[0]: int(row.split(b" ")[1]) for row in listing}

    def contents(self, ids: Iterable[bytes]) -> dict[bytes, bytes]:
        """Contents by their ids."""
        rest, contents = self._git("cat-file", "--batch", stdin=_lines(ids)), {}
        while rest:
            head, _, rest = rest.partition(b"\n")
            name, _, size = head.split(b" ")
            contents[name], rest = rest[: int(size)], rest[int(size) + 1 :]
        return contents

    def files(self) -> dict[str, tuple[bytes, bytes]]:
        """Mode and id of every file."""
        return _listing(self._git("ls-files", "-s", "-z"), 1)

    def committed(self) -> dict[str, tuple[bytes, bytes]]:
        """Mode and id of every file of the commit."""
        return _listing(self._git("ls-tree", "-r", "-z", "--full-tree", self._commit), 2)

    def checked_out(self, path: str, content: bytes) -> bytes:
        """What a checkout writes for a content of that path here: line ends and filters applied."""
        return self._git("cat-file", "--filters", f"--path={path}", content.decode())

    def _set(self, listing: Iterable[bytes]) -> None:
        if joined := b"".join(listing):
            self._git("update-index", "-z", "--index-info", stdin=joined)

    def _update(self, paths: Sequence[str]) -> list[str]:
        if not paths:
            return []
        listing = b"".join(os.fsencode(path) + b"\0" for path in paths)
        arguments = ("update-index", "--add", "--replace", "-z", "--stdin")
        process = answer(self._top, *arguments, stdin=listing, environment=self._environment)
        return [f"git: {words(row)}" for row in process.stderr.splitlines() if row.startswith(b"error:")]

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return output(self._top, *arguments, stdin=stdin, environment=self._environment)


def _listing(listing: bytes, column: int) -> dict[str, tuple[bytes, bytes]]:
    rows = (entry.partition(b"\t") for entry in listing.split(b"\0") if entry)
    return {os.fsdecode(path): (about.split(b" ")[0], about.split(b" ")[column]) for about, _, path in rows}


def _lines(ids: Iterable[bytes]) -> bytes:
    return b"".join(each + b"\n" for each in sorted({each for each in ids if each.strip(b"0")}))
