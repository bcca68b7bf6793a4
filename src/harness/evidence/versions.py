"""How two versions of the data differ, in words, remembered by their hashes."""

import json
from collections.abc import Callable
from pathlib import Path

from harness.contract import atomic, identity
from harness.contract.errors import HarnessError
from harness.data import obtain
from programs.cifar10.host import published
from programs.cifar10.host.differences import between

CACHE = ".cache/shifts.json"  # by the two hashes, since it takes seconds


def lines(root: Path, old: str, new: str, say: Callable[[str], None] = lambda line: None) -> list[str]:
    """In words how the versions of data/ with these directory hashes differ; one line where one cannot be had."""
    if old == new:
        return ["the same data"]
    cache = root / CACHE
    try:
        known: dict[str, list[str]] = json.loads(cache.read_text())
    except (OSError, ValueError):
        known = {}
    key = f"{old} {new}"
    if key not in known:
        try:
            folders = [_folder(root, pin, say) for pin in (old, new)]
            known[key] = between(*folders)
        except HarnessError as error:
            return [f"not known: {error.what}"]
        cache.parent.mkdir(exist_ok=True)
        atomic.write(cache, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return known[key]


def _folder(root: Path, pin: str, say: Callable[[str], None]) -> Path:
    if pin == published.SAMPLE_HASH:
        return obtain.sample(root).folder
    data = root / "data"
    if data.is_dir() and any(data.iterdir()) and identity.identify(data, "custom").hash == pin:
        return data
    return obtain.version(root, pin, say)
