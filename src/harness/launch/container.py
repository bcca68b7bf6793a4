"""The worker in a container, started by the SageMaker SDK's own local mode.

The SDK lives in a child process, `sdk.py`: its import takes seconds and begins while the host still plans, and its
prints, logs and working files stay out of the host. What it leaves lying around (containers, network, compose file,
files of root's) is removed here.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.launch import engine, request
from harness.launch.runner import GRACE, Ended, grace
from harness.provenance.credentials import without_secrets
from harness.runs.run_folder import RunFolder

HOST = "algo-1"  # the SDK's name for the first container, the chief; the second is algo-2
SERVICE = "com.docker.compose.service"  # the label with that name
NO_CONTAINER = "the SageMaker SDK started no container; log.txt has its words"
COMPOSE_FILE = "docker-compose.yaml"
BUSY = 60.0  # seconds until an engine that says nothing of a container that has ended counts as one that has none
OWN_CHANNELS = ("code", "sm_drivers")  # that the SDK adds

# No telemetry, no search for credentials on the network; local mode needs neither account nor region.
SDK_ENVIRONMENT = {
    "SAGEMAKER_USER_CONFIG_OVERRIDE": engine.SDK_SETTINGS,
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": engine.SDK_SETTINGS,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "COMPOSE_ANSI": "never",
}


class Container:
    """Worker containers. The SDK's import begins at once; its process ends with this one, whatever ends it."""

    grace: float | None = GRACE
    outlives = remote = False

    def __init__(self, image: str, count: int = 1) -> None:
        self._image, self._count = image, count
        self._project: str | None = None
        self._child = subprocess.Popen(
            [sys.executable, "-m", "harness.launch.sdk"],
            env=without_secrets(os.environ) | SDK_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Hand the SDK its job: the staged bundle, the data, the checkpoints' folder, a root folder of its own."""
        self._run, self.grace = run, grace(run.planned())
        # Two runs of one name, in two clones, are two projects.
        self._project = f"{run.path.name.lower()}-{secrets.token_hex(4)}"
        root = str(run.job.resolve())
        code, data, states = (str(path.resolve()) for path in (run.code, dataset, run.checkpoints))
        asked = request.local(run.planned(), self._image, code, data, states, root)
        self._make_folders([channel["channel_name"] for channel in asked["input_data_config"]])
        job = {"request": asked, "root": root, "project": self._project}
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died; its last words are in the other pipe
            print(json.dumps(job), file=self._child.stdin, flush=True)
        return self._child  # its stdin stays open: where it closes, the SDK's process knows that this one is gone

    def _make_folders(self, channels: list[str]) -> None:
        """What Docker mounts, or mounts on, it would make as root where it is missing.

        The worker, which continues as the run's owner, could not write its outputs, and who started the run could not
        remove it without Docker's help.
        """
        (self._run.job / "model").mkdir(parents=True)
        for number in range(1, self._count + 1):
            host = self._run.job / f"algo-{number}"
            inputs = [f"input/data/{channel}" for channel in (*channels, *OWN_CHANNELS)]
            for name in ("output/data", *inputs):
                (host / name).mkdir(parents=True)

    def stop(self, at_once: bool) -> None:
        """SIGTERM, or SIGKILL, to the container's process 1."""
        assert self._project is not None
        running = engine.containers(self._project, "status=running")
        if not running or any(
            engine.docker("kill", "--signal", self._wanted(one, at_once), one).returncode for one in running
        ):
            self._end_sdk()

    def _wanted(self, container: str, at_once: bool) -> str:
        # Until the worker runs, process 1 is the SDK's shell script, which is deaf to SIGTERM and has nothing to save.
        top = engine.docker("top", container, "-o", "pid,args")
        deaf = top.returncode == 0 and "harness.worker" not in top.stdout
        return "KILL" if at_once or deaf else "TERM"

    def finish(self) -> Ended:
        """How the containers ended, by Docker's own account; then remove them, the network and the SDK's files.

        The first one that failed is the one that counts.
        """
        self._end_sdk()
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        containers = self._containers()
        states = _states(containers)
        host, state = first_failed(states)
        code, reason = judge(state, self._child.returncode)
        if host != HOST and code:
            reason = f"worker {host} of {self._count}: {reason or self._failure(host) or f'it ended with {code}'}"
        # While one runs on, it may still write what is collected next.
        still = len(states) < len(containers) or any(each.get("Running") for _, each in states)
        (engine.clear_up if still else engine.clear_up_beside)(*containers)
        (self._run.job / COMPOSE_FILE).unlink(missing_ok=True)
        self._take_ownership()
        return Ended(code, reason, self._run.job / "model", outputs(self._run.job))

    def _failure(self, host: str) -> str | None:
        failure = self._run.job / host / "output" / "failure"
        return failure.read_text() if failure.exists() else None

    def _containers(self) -> list[str]:
        if self._project is None:
            return []
        found = engine.containers(self._project, timeout=BUSY)
        if not found:  # the engine may still be at work on what a client asked for that is gone by now
            time.sleep(1)
            found = engine.containers(self._project, timeout=BUSY)
        return found

    def _end_sdk(self) -> None:
        """End the SDK's process and the Docker Compose that it runs, where they have not ended by themselves."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def _take_ownership(self) -> None:
        """Give the caller what root wrote in the run folder: the SDK leaves it so where the worker failed."""
        if not any(map(_of_another, _entries(self._run.path))):
            return
        mount = f"{self._run.path.resolve()}:/run-folder"
        chown = ("chown", "--recursive", "--no-dereference", f"{os.getuid()}:{os.getgid()}", "/run-folder")
        engine.docker(
            "run", "--rm", "--pull", "never", "--network", "none", "--volume", mount, self._image, *chown, timeout=60
        )


def _entries(folder: Path) -> Iterator[str]:
    """All that is in a folder, also where Comet's children come and go in it meanwhile."""
    for place, folders, files in os.walk(folder):
        yield from (os.path.join(place, name) for name in (*folders, *files))  # noqa: PTH118  # os.walk gives texts


def _of_another(path: str) -> bool:
    with contextlib.suppress(OSError):
        return os.lstat(path).st_uid != os.getuid()
    return False


def outputs(job: Path) -> Path:
    """Where the chief's outputs are whole: the SDK copies them, removes `shared`, then the originals.

    Its process may have ended at any moment of that.
    """
    copied = job / "artifacts" / "output"
    return copied if copied.exists() and not (job / "shared").exists() else job / HOST / "output"


def _states(containers: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Of each container the SDK's name for it, and what Docker knows of its state."""
    if not containers:
        return []
    form = f'{{{{index .Config.Labels "{SERVICE}"}}}} {{{{json .State}}}}'
    described = engine.docker("inspect", "--format", form, *containers, timeout=BUSY).stdout.splitlines()
    return [(host, json.loads(state)) for host, _, state in (line.partition(" ") for line in described)]


def first_failed(containers: list[tuple[str, dict[str, Any]]]) -> tuple[str, dict[str, Any]]:
    """Of containers by host and state the one that failed first; the chief where none did. No state: there is none.

    Docker Compose ends the others when one has ended, so that they seem to have failed too.
    """
    failed = [(host, state) for host, state in containers if state.get("ExitCode") and state["Status"] == "exited"]
    if failed:
        return min(failed, key=lambda each: str(each[1]["FinishedAt"]))
    return min(containers, key=lambda each: each[0], default=(HOST, {}))


def judge(state: dict[str, Any], sdk_code: int) -> tuple[int, str | None]:
    """Exit code and reason from Docker's account of the container (empty: there is none) and the SDK's exit code."""
    if not state or state["Status"] == "created":
        return sdk_code or 1, (state and state["Error"]) or NO_CONTAINER  # Error: why Docker could not start it
    if state["Running"]:
        return 137, f"the SageMaker SDK's process ended with {sdk_code} while the worker ran"
    code = int(state["ExitCode"])
    if code and state["OOMKilled"]:
        return code, "the worker was killed: the container was out of memory"
    if code == 128 + signal.SIGKILL:
        return code, "the worker was killed by SIGKILL (by hand, or by the kernel when memory ran out)"
    return code, None
