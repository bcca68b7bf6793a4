"""How two versions of a program's data differ, in the program's own words, cached by their hashes."""

import json
from collections.abc import Callable
from pathlib import Path

from harness.contract import atomic, identity, program
from harness.contract.errors import HarnessError
from harness.contract.program import Program
from harness.data import obtain

CACHE = ".cache/shifts.json"  # by program and the two hashes, since comparing takes seconds


def lines(root: Path, name: str, old: str, new: str, say: Callable[[str], None] = lambda line: None) -> list[str]:
    """In words how the versions of a program's data with these directory hashes differ.

    Where one of them, or the program, cannot be had, one line says so.
    """
    if old == new:
        return ["the same data"]
    cache = root / CACHE
    try:
        known: dict[str, list[str]] = json.loads(cache.read_text())
    except (OSError, ValueError):
        known = {}
    key = f"{name} {old} {new}"
    if key not in known:
        try:
            owner = program.load(name)
            folders = [_folder(root, owner, pin, say) for pin in (old, new)]
            known[key] = list(owner.differences(*folders)) or ["the files differ"]
        except HarnessError as error:
            return [f"not known: {error.what}"]
        cache.parent.mkdir(exist_ok=True)
        atomic.write(cache, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return known[key]


def _folder(root: Path, owner: "Program[object]", pin: str, say: Callable[[str], None]) -> Path:
    sample = owner.source().sample
    if sample is not None and sample.hash == pin:
        return obtain.sample(root).folder
    data = root / "data"
    if data.is_dir() and any(data.iterdir()) and identity.identify(data, "custom").hash == pin:
        return data
    return obtain.version(root, pin, say)
