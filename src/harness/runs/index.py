"""What was read from the folders of runs, kept so that it need not be read again: a copy, and never the truth.

An entry holds as long as the files that it was read from are the same by their stamps. Standard library only.
"""

import contextlib
import functools
import gc
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from harness.runs import entries, run_folder
from harness.runs.entries import Entry

T = TypeVar("T")
FRESH = 2 * 10**9  # nanoseconds: a file as young as that may yet change without another stamp
MANY = 1000  # runs that are read on several cores
TOGETHER = 50  # runs that a process reads before it hands them over


@dataclass(frozen=True)
class Kind(Generic[T]):
    """Something that is read of a run, from these files of its folder; `read` says in words what is wrong with them.

    It becomes JSON by `pack` and comes back by `unpack`. `packages` of the harness decide how it is read: what other
    code has read is read again.
    """

    name: str
    files: tuple[str, ...]
    read: Callable[[Path], T | str]
    pack: Callable[[T], Any]
    unpack: Callable[[Any], T]
    packages: tuple[str, ...]


class Index(Generic[T]):
    """One kind of facts about the runs of a folder, up to date each time it is asked."""

    def __init__(self, runs: Path, kind: Kind[T]) -> None:
        self.runs, self.kind = runs, kind
        self._known: dict[str, tuple[str, T]] | None = None

    def facts(self) -> dict[str, T | str]:
        """By the name of each run, in the order of names: the facts, or in words why there are none."""
        stored = self.runs / entries.NAME
        settled, code = time.time_ns() - FRESH, _digest(self.kind.packages)
        known = self._loaded(stored, code) if self._known is None else self._known
        stamps = {name: _stamps(self.runs, name, self.kind.files) for name in run_folder.ids(self.runs)}
        fresh = [name for name, (stamp, _) in stamps.items() if name not in known or known[name][0] != stamp]
        texts = dict(zip(fresh, _read(self.kind, [self.runs / name for name in fresh]), strict=True))
        news: dict[str, Entry] = {}
        facts: dict[str, T | str] = {}
        self._known = {}
        for name, (stamp, changed) in stamps.items():
            if name not in texts:
                facts[name] = known[name][1]
                self._known[name] = known[name]
                continue
            packed, words = texts[name]
            facts[name] = self.kind.unpack(json.loads(packed)) if packed is not None else words
            if packed is not None and changed < settled and name.isprintable():
                self._known[name] = (stamp, facts[name])  # type: ignore[assignment]  # what is packed is no words
                news[name] = Entry(stamp, packed)
        gone = known.keys() - stamps.keys()
        if news or gone:
            entries.save(stored, self.kind.name, code, news, gone)
        return facts

    def _loaded(self, stored: Path, code: str) -> dict[str, tuple[str, T]]:
        found = entries.load(stored, self.kind.name, code)
        try:
            # All in one text: names that many of them have are then there once.
            values = json.loads(f"[{','.join(each.value for each in found.values())}]")
            return {
                name: (each.stamps, self.kind.unpack(value))
                for (name, each), value in zip(found.items(), values, strict=True)
            }
        except (ValueError, TypeError, KeyError):
            return {}


def _stamps(runs: Path, name: str, files: Iterable[str]) -> tuple[str, int]:
    """What changes when a file does: times, size and number of each; and when that was last, in ns."""
    stamps, newest = [], 0
    for file in files:
        try:
            status = os.lstat(f"{runs}/{name}/{file}")
        except OSError:
            stamps.append("-")
            continue
        newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
        stamps.append(f"{status.st_mtime_ns} {status.st_ctime_ns} {status.st_size} {status.st_ino}")
    return ";".join(stamps), newest


def _read(kind: Kind[Any], paths: Sequence[Path]) -> Iterable[tuple[str | None, str]]:
    """(JSON, "") of each, or (None, in words what is wrong); on all cores where they are many."""
    one = functools.partial(_packed, kind.read, kind.pack)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # A process with threads must not be forked.
    if len(paths) >= MANY and cores > 1 and threading.active_count() == 1:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from concurrent.futures.process import BrokenProcessPool

        try:
            with ProcessPoolExecutor(cores, multiprocessing.get_context("fork"), _quiet) as pool:
                return list(pool.map(one, paths, chunksize=TOGETHER))
        except (BrokenProcessPool, OSError):
            pass  # no memory or no process is left for it
    return map(one, paths)


def _packed(read: Callable[[Path], Any], pack: Callable[[Any], Any], path: Path) -> tuple[str | None, str]:
    found = read(path)
    return (None, found) if isinstance(found, str) else (json.dumps(pack(found), separators=(",", ":")), "")


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Many objects at once, none of them in a circle: a search for those that are takes half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _quiet() -> None:
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the reader of the results answers


@functools.cache
def _digest(packages: tuple[str, ...]) -> str:
    """Of the code of these packages."""
    digest = hashlib.sha256()
    for package in packages:
        folder = Path(__file__).resolve().parents[1] / package
        for name in sorted(each for each in os.listdir(folder) if each.endswith((".py", ".json"))):
            digest.update(f"{package}/{name}\0".encode() + (folder / name).read_bytes())
    return digest.hexdigest()
