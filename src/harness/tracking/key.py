"""Comet's key of a run, and whether there is one of the user's; without importing Comet."""

import contextlib
import hashlib
import os
import re
from pathlib import Path


def experiment_key(run_id: str) -> str:
    """Comet's key of a run: derived, so that a resumed run returns to its own experiment (40 characters)."""
    return hashlib.sha256(f"comet {run_id}".encode()).hexdigest()[:40]


def has_key() -> bool:
    """Whether Comet would find a key, in the environment or in its own files; without importing it."""
    if "COMET_API_KEY" in os.environ:
        return bool(os.environ["COMET_API_KEY"])
    named = [Path(os.path.expanduser(os.environ["COMET_CONFIG"]))] if "COMET_CONFIG" in os.environ else []  # noqa: PTH111
    named += [path / ".comet.config" for path in named]
    pattern = re.compile(r"^\s*(export\s+)?(COMET_)?API_KEY\s*=\s*\S", re.MULTILINE | re.IGNORECASE)
    with contextlib.suppress(OSError, RuntimeError):  # not readable; no home
        files = [Path(".env"), *named, Path(".comet.config"), Path("~/.comet.config").expanduser()]
        return any(pattern.search(path.read_text(errors="replace")) for path in files if path.is_file())
    return False
