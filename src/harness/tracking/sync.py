"""Upload offline Comet archives that have not been uploaded yet; each run's comet/state.json says what Comet has."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.contract.errors import NotReady
from harness.runs import locks
from harness.tracking.tracker import QUIET

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
    """The archives of finished runs that are not uploaded yet, oldest first."""
    archives = []
    for path in sorted(runs.glob("*/comet/state.json")):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            state = json.loads(path.read_text())
            if state.get("upload") and (archive := path.parent / str(state["archive"])).exists():
                archives.append(Pending(archive, state))
    return archives


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
    force = "--force-reupload" in one.state["upload"] or BEGUN in one.state
    _write_state(one, {**one.state, BEGUN: True})
    command = [sys.executable, "-P", "-m", "harness.tracking.remote", str(one.archive), "force" if force else "once"]
    path = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    quiet = {name: value for name, value in QUIET.items() if name != "COMET_LOGGING_CONSOLE"}
    done = subprocess.run(
        command,
        env={**os.environ, **path, **quiet, "COMET_LOGGING_CONSOLE": "CRITICAL"},
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
