"""Upload offline Comet archives that have not been uploaded yet; each run's comet/state.json says what Comet has."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.contract.errors import NotReady
from harness.runs import locks, reading, run_folder
from harness.runs.run_folder import RunFolder
from harness.tracking.child import module
from harness.tracking.tracker import OFFLINE_PATIENCE, QUIET

LARGEST = 2**20  # bytes of a state.json
BEGUN = "upload_begun"  # in state.json: an upload that was interrupted left a part of the experiment in Comet


@dataclass(frozen=True)
class Pending:
    """An archive that is not uploaded yet, and its state."""

    archive: Path
    state: dict[str, Any]

    @property
    def run_id(self) -> str:
        return self.archive.parents[1].name


def pending(runs: Path) -> list[Pending]:
    """The archives of finished runs that are not uploaded yet, oldest first; a damaged one hides none of the others."""
    archives = []
    for run_id in run_folder.ids(runs):
        folder = RunFolder(runs / run_id)
        with contextlib.suppress(OSError, ValueError, RecursionError):
            state = _state(folder) or _orphan(folder)
            if state and state["upload"]:
                archives.append(Pending(folder.comet / state["archive"], state))
    return archives


def _state(run: RunFolder) -> dict[str, Any] | None:
    """What state.json says; None where there is none, an empty one where it cannot be used.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    path = run.comet / "state.json"
    if not path.exists():
        return None
    state = json.loads(reading.content(path, LARGEST))
    if not isinstance(state, dict) or not isinstance(archive := state.get("archive"), str):
        return {"upload": None}
    plain = archive == Path(archive).name and (run.comet / archive).is_file()
    named = isinstance(state.get("upload"), str) and isinstance(state.get("url"), str | None)
    return state if plain and named else {"upload": None}


def _orphan(run: RunFolder) -> dict[str, Any] | None:
    """The state of a whole archive whose run's program was killed before it could write one."""
    archives = sorted(run.comet.glob("*.zip"))
    if not archives or not run.record.exists() or abs(time.time() - archives[-1].stat().st_mtime) < OFFLINE_PATIENCE:
        return None
    name = archives[-1].name
    return {
        "experiment_key": archives[-1].stem,
        "archive": name,
        "online": "failed: the program was killed",
        "url": None,
        "upload": f"comet upload {name}",
    }


@contextlib.contextmanager
def locked(runs: Path) -> Iterator[None]:
    """Hold a lock that ends with this program, so that nothing is uploaded twice.

    Raises:
        NotReady: another program uploads these runs.
    """
    refusal = NotReady(f"another program uploads the runs of {runs}", legal="its end")
    with locks.alone(runs / ".sync.lock", refusal):
        yield


def upload(one: Pending, say: Callable[[str], None]) -> bool:
    """Upload one archive; whether Comet has it now."""
    # Where Comet has a part of it, it is refused as a duplicate, unless it may become another experiment.
    force = any(word in one.state["upload"] for word in ("--force-upload", "--force-reupload")) or BEGUN in one.state
    _write_state(one, {**one.state, BEGUN: True})
    command = [*module("harness.tracking.remote"), str(one.archive), "force" if force else "once"]
    quiet = {name: value for name, value in QUIET.items() if name != "COMET_LOGGING_CONSOLE"}
    done = subprocess.run(
        command,
        env={**os.environ, **quiet, "PYTHONDONTWRITEBYTECODE": "1", "COMET_LOGGING_CONSOLE": "CRITICAL"},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        why = f"Comet's client ended with exit code {done.returncode}"
        answer = {"done": False, "there": False, "why": why, "url": None}
    if answer["done"] or answer["there"]:
        online = {"online": "delivered", "upload": None, "url": answer["url"] or one.state["url"]}
        _write_state(one, {name: value for name, value in {**one.state, **online}.items() if name != BEGUN})
        say(f"{'uploaded' if answer['done'] else 'present':9} {one.run_id} {answer['url'] or ''}".rstrip())
        return True
    say(f"not uploaded {one.run_id}: {answer['why']}")
    return False


def _write_state(one: Pending, state: dict[str, Any]) -> None:
    atomic.write(one.archive.parent / "state.json", json.dumps(state, indent=2, sort_keys=True) + "\n")
