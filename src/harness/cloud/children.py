"""The child processes in which the SageMaker SDK and boto3 work for a job: one sends jobs, one watches a job."""

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.cloud.submit import ANSWER
from harness.launch.engine import SDK_SETTINGS

# No telemetry. The role has been checked here; the SDK's own check needs a right that nothing else does.
SDK_ENVIRONMENT = {
    "SAGEMAKER_USER_CONFIG_OVERRIDE": SDK_SETTINGS,
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": SDK_SETTINGS,
    "SAGEMAKER_VALIDATE_ROLE": "false",
    "PYTHONUNBUFFERED": "1",
    "PYTHONPATH": str(Path(__file__).parents[2]),
}


@functools.cache
def sender() -> "subprocess.Popen[str]":
    """The process that sends this program's jobs: the SDK's import takes seconds, once, and begins at this call."""
    process = child("harness.cloud.submit", stdin=subprocess.PIPE)
    atexit.register(process.kill)  # where it comes to nothing, nobody waits for an import
    return process


def sent(job: dict[str, Any]) -> dict[str, str]:
    """Send a job: its `name`, or `code` and `message` of what went wrong."""
    process, last = sender(), ""
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it has died; its last words are in the other pipe
        print(json.dumps(job), file=process.stdin, flush=True)
    for line in process.stdout:
        if line.startswith(ANSWER):
            answer: dict[str, str] = json.loads(line.removeprefix(ANSWER))
            return answer
        last = line.strip() or last
    return {"code": "the SDK's process ended", "message": last}


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
