"""Archives that Comet has not got yet, sent one after the other; each run's comet/state.json says what Comet has."""

import contextlib
import fcntl
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
from harness.tracking.tracker import QUIET

BEGUN = "upload_begun"  # in state.json: an upload that broke off left a part of the experiment in Comet


@dataclass(frozen=True)
class Waiting:
    """An archive that is to be sent, and what is known of it."""

    archive: Path
    state: dict[str, Any]

    @property
    def run(self) -> str:
        return self.archive.parents[1].name


def waiting(runs: Path) -> list[Waiting]:
    """The archives of finished runs that were not delivered, oldest first."""
    found = []
    for path in sorted(runs.glob("*/comet/state.json")):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            state = json.loads(path.read_text())
            if state.get("upload") and (archive := path.parent / str(state["archive"])).exists():
                found.append(Waiting(archive, state))
    return found


@contextlib.contextmanager
def alone(runs: Path) -> Iterator[None]:
    """A lock that ends with this program, so that nothing is sent twice.

    Raises:
        NotReady: another program sends these runs.
    """
    with (runs / ".sync.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotReady(f"another program sends the runs of {runs}", legal="its end") from error
        yield


def send(one: Waiting, say: Callable[[str], None]) -> bool:
    """Send one archive; whether Comet has it now."""
    # Where Comet has a part of it, it is refused as a duplicate, unless it may become another experiment.
    force = "--force-reupload" in one.state["upload"] or BEGUN in one.state
    _note(one, {**one.state, BEGUN: True})
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
        told = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        told = {"done": False, "there": False, "why": f"Comet's client ended with {done.returncode}", "url": None}
    if told["done"] or told["there"]:
        online = {"online": "delivered", "upload": None, "url": told["url"] or one.state["url"]}
        _note(one, {name: value for name, value in {**one.state, **online}.items() if name != BEGUN})
        say(f"{'sent' if told['done'] else 'there':9} {one.run} {told['url'] or ''}".rstrip())
        return True
    say(f"not sent  {one.run}: {told['why']}")
    return False


def _note(one: Waiting, state: dict[str, Any]) -> None:
    atomic.write(one.archive.parent / "state.json", json.dumps(state, indent=2, sort_keys=True) + "\n")
