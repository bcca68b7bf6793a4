"""Copy a run to Comet: the host's side.

Comet is fed by child processes, never by the training, so whatever it does they can be killed without harm to the run.
One child always writes an offline archive into the run folder; where there is a key, another one streams the same to
Comet. Both start with the run: Comet's import overlaps the framework's.
The host appends each epoch to a file that the children follow: a file is never full, so the host never waits, and a
child that starts late reads all of it. The end of a child's stdin is the end of the run; a word before it says that
there is a record. Nothing here raises OSError: a run does not fail because its copy does.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.contract.metrics import RECENT
from harness.contract.plan import RunPlan
from harness.contract.record import RunRecord
from harness.provenance.credentials import without_secrets
from harness.runs.run_folder import RunFolder
from harness.tracking.child import module
from harness.tracking.key import experiment_key, has_key

ONLINE_PATIENCE = 13.0  # seconds that Comet has once the run is over
OFFLINE_PATIENCE = 60.0  # nothing but this machine is waited for: longer than it ever takes
EVENTS = "events.jsonl"
RESOLUTION = 1000  # points of a curve within epochs, in each factor of e of a run's time
INSIDE = "inside.json"  # the state of the copies that a job made itself
RECORDED = b"recorded"  # the word on a child's stdin: record.json is this run's
QUIET = {
    "NETRC": os.devnull,  # where Comet's client would take a password from, in place of the key
    "COMET_DISABLE_ANNOUNCEMENT": "1",
    "COMET_ERROR_TRACKING_ENABLE": "false",  # crash reports would go to a third party
    "COMET_LOGGING_CONSOLE": "WARNING",
    "COMET_LOGGING_PARAMETERS_IGNORE": "comet:curr_step,comet:curr_epoch",  # Comet's own, not the experiment's
}


@dataclass(frozen=True)
class Tracked:
    """What Comet got. `online` is "delivered", "off: no key" or "failed: why".

    `archive` is None where none was written, `upload` (what to type to send it) where there is nothing to send.
    """

    experiment_key: str
    archive: Path | None
    online: str
    url: str | None
    upload: str | None

    def __str__(self) -> str:
        sent = f"delivered {self.url}" if self.online == "delivered" else f"not sent ({self.online})"
        if self.archive is None:
            return f"{sent}; no offline archive; its writer's log, if any, is in comet/ of the run folder"
        return f"{sent}; to send it: {self.upload}" if self.upload else sent


class Tracker:
    """The copies of one run: `log_epoch` for each epoch, `log_progress` within one, `finish` once.

    `sent`: the `model`'s name in Comet, whether it goes to the registry, the data's name and place there (`artifact`).
    """

    def __init__(
        self,
        run: RunFolder,
        planned: RunPlan,
        project: str,
        workspace: str | None,
        inside: bool = False,
        sent: Mapping[str, Any] | None = None,
    ) -> None:
        self._run, self._key = run, experiment_key(planned.run_id)
        cloud = planned.placement.cloud
        self._delegated = bool(cloud and cloud.comet_secret and not inside)  # to the job itself, which has a key
        options = json.dumps({"here": cloud is None or inside, **(sent or {})})
        self._names = (self._key, project, workspace or "", options)
        self._began = self._next = time.monotonic()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._keyed = has_key() and not self._delegated
        with contextlib.suppress(OSError):
            run.comet.mkdir(exist_ok=True)
            (run.comet / EVENTS).touch()
            for kind in ("offline", "online") if self._keyed else ("offline",):
                self._start(kind)

    def log_epoch(self, values: Mapping[str, float]) -> None:
        """Log an epoch's numbers, `step` and `epoch` among them; never waits for Comet."""
        with contextlib.suppress(OSError), (self._run.comet / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(values)) + "\n")

    def log_progress(self, values: Mapping[str, float]) -> None:
        """Log means within an epoch, ever more seldom: a few thousand of a run."""
        means, now = {name: each for name, each in values.items() if name.startswith(RECENT)}, time.monotonic()
        if means and now >= self._next:
            self._next = now + (now - self._began) / RESOLUTION
            self.log_epoch({name: values[name] for name in ("epoch", "step")} | means)

    def finish(self, record: RunRecord) -> Tracked:
        """Wait until both copies are complete, for Comet 13 s at most; kill what is not, and say so."""
        over = time.monotonic()
        with contextlib.suppress(OSError):
            if "offline" not in self._children or self._children["offline"].poll() is not None:
                self._hang_up("offline", b"")
                self._start("offline")  # it was killed, or could not start: all that it needs is still there
        for kind in self._children:
            self._hang_up(kind, RECORDED)
        late = self._wait("online", over + ONLINE_PATIENCE)
        self._wait("offline", over + OFFLINE_PATIENCE)
        tracked = self._outcome(late)
        with contextlib.suppress(OSError):
            self._tidy(tracked, keep_events=record.status != "completed")  # a run that is resumed adds to them
        return tracked

    def abandon(self) -> None:
        """Drop the copies: the run continues without this program, and whoever follows it to its end makes new ones."""
        for child in self._children.values():
            child.kill()
            child.wait()
        shutil.rmtree(self._run.comet, ignore_errors=True)

    def _start(self, kind: str) -> None:
        """Start a child in a session of its own: Ctrl-C is for the run, the copies of it should still be made."""
        scratch = self._run.comet / f"{kind}.part"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        environment = {name: value for name, value in os.environ.items() if name != "COMET_LOGGING_FILE"}
        if kind == "offline":  # sees no key, no configuration of the user's, no home to write to
            plain = without_secrets(environment).items()
            environment = {name: value for name, value in plain if not name.startswith("COMET_")}
            environment["HOME"] = str(scratch)
        own = dict.fromkeys(("TMPDIR", "COMET_OFFLINE_DIRECTORY"), str(scratch)) | {"PYTHONDONTWRITEBYTECODE": "1"}
        with (self._run.comet / f"{kind}.log").open("wb") as log:
            self._children[kind] = subprocess.Popen(
                [*module("harness.tracking"), kind, str(self._run.path.resolve()), *self._names],
                cwd=scratch if kind == "offline" else None,  # Comet looks for a key in the working directory too
                env=environment | own | QUIET,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )

    def _hang_up(self, kind: str, word: bytes) -> None:
        """Say a last word to a child, which may be gone."""
        if kind in self._children and (stdin := self._children[kind].stdin) and not stdin.closed:
            with contextlib.suppress(OSError):
                stdin.write(word)
            stdin.close()

    def _wait(self, kind: str, deadline: float) -> bool:
        """Wait for a child; True where it had to be killed at the deadline."""
        if kind not in self._children:
            return False
        try:
            self._children[kind].wait(max(0.0, deadline - time.monotonic()))
            return False
        except subprocess.TimeoutExpired:
            self._children[kind].kill()
            self._children[kind].wait()
            return True

    def _outcome(self, late: bool) -> Tracked:
        state: dict[str, Any] = {"url": None, "done": False, "why": None}
        with contextlib.suppress(OSError, ValueError):  # the online child got no further
            state |= json.loads((self._run.comet / "online.json").read_text())
        archive = self._run.comet / f"{self._key}.zip"
        if self._delegated:
            inside = {"online": "unknown: the job did not report it", "url": None}
            with contextlib.suppress(OSError, ValueError):
                inside |= json.loads((self._run.comet / INSIDE).read_text())
            online, state["url"] = str(inside["online"]), inside["url"]
        elif not self._keyed:
            online = "off: no key"
        elif "online" not in self._children:
            online = "failed: its process could not start"
        elif state["done"]:
            online = "delivered"
        elif late:
            online = f"failed: no answer within {ONLINE_PATIENCE:.0f} s of the run's end"
        else:
            code = self._children["online"].returncode
            ended = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            online = f"failed: {state['why'] or f'its process ended early, {ended}'}"
        if not os.path.exists(archive):  # noqa: PTH110  # Path.exists raises where the folder was closed meanwhile
            return Tracked(self._key, None, online, state["url"], None)
        # An archive of an experiment that Comet has begun is refused as a duplicate, unless it may become a new one.
        force = ["--force-upload"] if state["url"] else []
        near = archive
        with contextlib.suppress(OSError, ValueError):  # the working directory is gone; the run is elsewhere
            near = archive.relative_to(Path.cwd())
        upload = shlex.join(["comet", "upload", *force, str(near)])
        return Tracked(self._key, archive, online, state["url"], None if online == "delivered" else upload)

    def _tidy(self, tracked: Tracked, keep_events: bool) -> None:
        """Leave the archive, state.json, and what the children complained of."""
        comet = self._run.comet
        with contextlib.suppress(OSError):  # what is left over harms nobody
            for log in comet.glob("*.log"):
                shutil.rmtree(log.with_suffix(".part"), ignore_errors=True)
                if not log.stat().st_size:
                    log.unlink()
            for name in ("online.json", INSIDE, *(() if keep_events else (EVENTS,))):
                (comet / name).unlink(missing_ok=True)
        # A run folder may be moved: in it, the archive goes by its name alone.
        archive = tracked.archive and tracked.archive.name
        upload = tracked.upload and shlex.join([*shlex.split(tracked.upload)[:-1], str(archive)])
        state = asdict(tracked) | {"archive": archive, "upload": upload}
        atomic.write(comet / "state.json", json.dumps(state, indent=2, sort_keys=True) + "\n")
