"""DVC's side of the data: its cache, its remote, and putting verified bytes into them.

DVC is asked by its command line, in a child process, and only where its cache or settings promise something.
"""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5
from pathlib import Path

from harness.contract import atomic, identity, legal
from harness.contract.plan import FileId
from harness.contract.serial import parse

REMOTE_LIMIT = 1800.0  # seconds that fetching from a remote may take
LARGEST = 2**24  # bytes of a listing
REPORT = 10.0  # seconds between two lines while it does


class NotThere(Exception):
    """This way does not lead to the data; says why."""


@dataclass(frozen=True)
class Project:
    """A project's DVC, for the one folder that `document` pins by the directory hash `pin`."""

    root: Path
    document: str
    pin: str
    say: Callable[[str], None]

    def from_cache(self) -> None:
        """Link what the cache holds into place.

        Raises:
            NotThere: the cache lacks a file, or holds it damaged (such an object is then removed, as DVC does).
        """
        self._require()
        faults = self.faults(remove=True)
        if faults:
            raise NotThere(faults[0])
        self._run("checkout", self.document)

    def from_remote(self) -> None:
        """Fetch into the cache and go on as `from_cache`.

        Raises:
            NotThere: no remote is configured, it fails, or it has other bytes.
        """
        self._require()
        if not self._configured("remote"):
            raise NotThere("none is configured")
        self.say("fetching from the DVC remote")
        self._run("fetch", self.document, limit=REMOTE_LIMIT)
        self.from_cache()

    def take_into_cache(self) -> None:
        """Store verified data in the cache and link it; where DVC cannot, it stays a plain folder and that is said."""
        try:
            self._require()
            self._run("commit", "--force", self.document)
        except NotThere as reason:
            self.say(f"data/ is in place, but not in DVC's cache: {reason}")

    def listing(self) -> tuple[FileId, ...]:
        """The pinned files as the cache lists them; empty where it does not, or names none. A size of -1 is unknown."""
        try:
            with self._object(self.pin).open("rb") as file:
                content = file.read(LARGEST + 1)
            if md5(content, usedforsecurity=False).hexdigest() + ".dir" != self.pin:
                return ()
            files = tuple(FileId(each["relpath"], each["md5"], -1) for each in parse(content))
        except (OSError, ValueError, KeyError, TypeError, NotThere):
            return ()
        return files if all(legal.PATH.test(each.path) and legal.MD5.test(each.md5) for each in files) else ()

    def link(self, folder: Path, fetch: bool) -> None:
        """Put the cache's bytes of the pinned version into a folder of links, whatever data/ and the document hold.

        `fetch` allows to ask the remote for what the cache lacks.

        Raises:
            NotThere: not all of it is there.
        """
        self._require()
        if fetch and self.faults() and self._configured("remote"):
            self.say("fetching an earlier version from the DVC remote")
            self._run("fetch", "--all-commits", self.document, limit=REMOTE_LIMIT)
        if faults := self.faults():
            raise NotThere(faults[0])
        for file in self.listing():
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).symlink_to(self._object(file.md5).resolve())

    def faults(self, remove: bool = False) -> list[str]:
        """What the cache lacks of the pinned folder, a line each; every file is hashed."""
        listing = self.listing()
        if not listing:
            return ["it does not hold the data"]
        lines = []
        for file in listing:
            stored = self._object(file.md5)
            if not stored.exists():
                lines.append(f"it lacks {file.path}")
            elif identity.file_id(stored.parent, stored.name).md5 != file.md5:
                lines.append(f"it holds a damaged {file.path}")
                if remove:
                    stored.unlink()
        return lines

    def _object(self, name: str) -> Path:
        return self._cache / "files/md5" / name[:2] / name[2:]

    @cached_property
    def _cache(self) -> Path:
        return Path(self._run("cache", "dir").strip()) if self._configured("cache") else self.root / ".dvc/cache"

    def _configured(self, section: str) -> bool:
        """Whether a settings file of DVC has a section of this name: asking DVC itself takes a second."""
        own = [self.root / ".dvc/config", self.root / ".dvc/config.local"]
        folders = [os.environ.get("DVC_GLOBAL_CONFIG_DIR"), os.environ.get("DVC_SYSTEM_CONFIG_DIR"), "/etc/xdg/dvc"]
        home = os.path.expanduser("~")  # noqa: PTH111  # pathlib raises where nobody has a home
        folders += [
            str(Path(os.environ.get("XDG_CONFIG_HOME") or Path(home, ".config"), "dvc")),
            str(Path(home, "Library/Application Support/dvc")),
            "/Library/Application Support/dvc",
        ]
        files = own + [Path(folder, "config") for folder in folders if folder]
        pattern = re.compile(rf"^\s*\[\s*'?{section}\b", re.MULTILINE)
        for file in files:
            with contextlib.suppress(OSError):  # not there, or in a home that is closed, where DVC finds none either
                if pattern.search(file.read_text(errors="replace")):
                    return True
        return False

    def _require(self) -> None:
        if not (self.root / ".dvc").is_dir():
            raise NotThere("this is not a DVC project")

    def _run(self, *arguments: str, limit: float = 300.0) -> str:
        """DVC's standard output. The document is put back if DVC changed it."""
        document = self.root / self.document
        before, start = document.read_bytes(), time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.root,
            env=os.environ | {"DVC_NO_ANALYTICS": "1", "NETRC": os.devnull},  # no password out of it goes anywhere
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while True:
                try:
                    output, errors = child.communicate(timeout=REPORT)
                    break
                except subprocess.TimeoutExpired:
                    passed = time.monotonic() - start
                    if passed > limit:
                        raise NotThere(f"dvc {arguments[0]} took longer than {limit:.0f} s") from None
                    self.say(f"dvc {arguments[0]}: {passed:.0f} s")
        finally:
            if child.poll() is None:
                child.kill()
                child.communicate()
            if document.read_bytes() != before:
                atomic.write(document, before)
        if child.returncode:
            told = errors.partition("ERROR:")[2].partition("ERROR:")[0].partition("\n\n")[0] or errors or output
            told = re.sub(r"//[^/@\s]+@", "//", told)  # a remote's address may hold a password
            raise NotThere(f"dvc {arguments[0]} fails: {' '.join(told.split())[:300]}")
        return output
