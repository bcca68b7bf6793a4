"""How two versions of a program's data differ, in the program's own words, cached by their hashes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.contract import atomic, identity, program
from harness.contract.errors import HarnessError, NotReady
from harness.contract.program import Program
from harness.contract.serial import parse
from harness.data import obtain, pins
from harness.data.restore import version

CACHE = "shifts.json"  # in .cache; by program and the two hashes, since comparing takes seconds
ASK = "; DVC's remote was not asked, which `compare.py … fetch` does"
Say = Callable[[str], None]


def lines(
    root: Path, document: str | None, name: str, old: str, new: str, say: Say = lambda line: None, fetch: bool = False
) -> list[str]:
    """In words how the versions of a program's data with these directory hashes differ.

    Where one of them, or the program, cannot be had, one line says so. `document` is the .dvc file that pins the data.
    `fetch` allows to ask DVC's remote, which may take long, for what the cache lacks.
    """
    if old == new:
        return ["the same data"]
    cache = root / obtain.CACHE / CACHE
    try:
        known = parse(cache.read_text())
    except (OSError, ValueError):
        known = {}
    key = f"{name} {old} {new}"
    if not isinstance(known, dict):
        known = {}
    if not isinstance(known.get(key), list):
        try:
            owner = program.load(name)
            folders = [_folder(root, document, owner, content, say, fetch) for content in (old, new)]
            known[key] = list(owner.differences(*folders)) or ["the files differ"]
        except HarnessError as error:
            return [f"not known: {error.what}{'' if fetch else ASK if isinstance(error, NotReady) else ''}"]
        cache.parent.mkdir(exist_ok=True)
        atomic.write(cache, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return [str(line) for line in known[key]]


def _folder(root: Path, document: str | None, owner: Program[Any], content: str, say: Say, fetch: bool) -> Path:
    """A folder with the data that has this directory hash."""
    sample = owner.source().sample
    if sample is not None and sample.hash == content:
        return obtain.sample(root, sample).folder
    data = root / pins.pinned(root, document).folder
    if data.is_dir() and any(data.iterdir()) and identity.identify(data, "custom").hash == content:
        return data
    return version(root, document, content, say, fetch)
