"""Which program a named run trained, as far as that can be told quickly: settings are composed for that program."""

import contextlib
import json
import zipfile
from pathlib import Path
from typing import Any

from harness.runs import schema1


def program_of(runs: Path, name: str) -> str | None:
    """The program of a run by folder, id, beginning of an id, `last`, archive or plan.json; None where that is unknown.

    Whatever is wrong with the name is for whoever opens the run to say.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile):
        program = schema1.upgrade_plan(_plan(runs, name))["experiment"]["program"]
        return program if isinstance(program, str) else None
    return None


def _plan(runs: Path, name: str) -> Any:
    path = Path(name)
    if path.is_file() and path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("plan.json"))
    if path.is_file():
        return json.loads(path.read_text())
    if not (path / "plan.json").exists():
        pattern = "*" if name == "last" else f"{name}*"
        path = sorted(runs.glob(f"{pattern}/plan.json"))[-1].parent
    return json.loads((path / "plan.json").read_text())
