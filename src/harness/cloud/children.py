"""The child processes in which the SageMaker SDK and boto3 work for a job: one sends jobs, one watches a job.

Neither has a terminal: what must be asked, like a code of multi-factor authentication, is asked before they need it.
"""

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from harness.cloud.submit import ANSWER, BEGUN
from harness.launch.engine import SDK_SETTINGS

# No telemetry. The role has been checked here; the SDK's own check needs a right that nothing else does.
SDK_ENVIRONMENT = {
    "SAGEMAKER_USER_CONFIG_OVERRIDE": SDK_SETTINGS,
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": SDK_SETTINGS,
    "SAGEMAKER_VALIDATE_ROLE": "false",
    "PYTHONUNBUFFERED": "1",
    "PYTHONPATH": str(Path(__file__).parents[2]),
}
LIMIT = 120.0  # seconds that sending one job may take, the SDK's import included
LOOK = 0.1  # seconds between two looks whether it is wanted any longer
NO_ANSWER = "the SDK's process did not answer"
NOT_BEGUN = "the SDK's process did not begin to send it"
ENDED = "the SDK's process ended"
_sender: "list[Sender]" = []


class Sender:
    """The process that sends this program's jobs: the SDK's import takes seconds, once, and begins at once."""

    def __init__(self) -> None:
        self.process = child("harness.cloud.submit", stdin=subprocess.PIPE)
        atexit.register(self.process.kill)  # where it comes to nothing, nobody waits for an import
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):  # closed meanwhile
            for line in self.process.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def send(self, job: dict[str, Any], unwanted: threading.Event) -> dict[str, str]:
        """As `sent`."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it has died; its last words are in the other pipe
            print(json.dumps(job), file=self.process.stdin, flush=True)
        last, begun, deadline = "", False, time.monotonic() + LIMIT
        while time.monotonic() < deadline and not unwanted.is_set():
            try:
                line = self._lines.get(timeout=LOOK)
            except queue.Empty:
                continue
            if line is None:
                return {"code": ENDED, "message": last}
            if line.startswith(ANSWER):
                answer: dict[str, str] = json.loads(line.removeprefix(ANSWER))
                return answer
            begun = begun or line.strip() == BEGUN
            last = line.strip() or last
        self.process.kill()
        return {"code": NO_ANSWER if begun else NOT_BEGUN, "message": last or f"for {LIMIT:.0f} s"}


def begin() -> None:
    """Start the process that sends jobs, unless it runs: the SDK's import goes on while the host still plans."""
    if _sender and _sender[0].process.poll() is not None:
        _sender.clear()
    if not _sender:
        _sender.append(Sender())


def sent(job: dict[str, Any], unwanted: threading.Event) -> dict[str, str]:
    """Send a job: its `name`, or `code` and `message` of what went wrong; given up in time, or where `unwanted`."""
    begin()
    return _sender[0].send(job, unwanted)


def child(module: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
    """A Python process with this one's rights, out of reach of the terminal's Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **SDK_ENVIRONMENT},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
