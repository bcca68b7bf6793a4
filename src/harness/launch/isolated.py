"""The worker in a container that reaches no network and sees its own folders alone: for code of strangers.

SageMaker's local mode, which `container.py` asks, gives its containers a network; here Docker is asked itself.
"""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from harness.contract.job_folder import JobFolder
from harness.launch import engine
from harness.launch.runner import GRACE, Ended
from harness.runs.run_folder import RunFolder

BASE = "/opt/ml"
PROCESSES = "1024"


class Isolated:
    """One worker container: no network, no capabilities, a read-only image, the caller's own user."""

    grace: float | None = GRACE
    outlives = remote = False

    def __init__(self, image: str) -> None:
        self._image, self._name = image, f"harness-isolated-{secrets.token_hex(8)}"
        self._child: subprocess.Popen[str] | None = None

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Mount the run's code and data to read, its job folder and checkpoints to write, and start."""
        self._job = JobFolder(run.job)
        for folder in (self._job.code, self._job.dataset, self._job.output, self._job.models, self._job.checkpoints):
            folder.mkdir(parents=True, exist_ok=True)
        if any(path.is_symlink() for path in dataset.rglob("*")):  # links lead nowhere inside
            copy = run.job / "dataset"
            shutil.copytree(dataset, copy)
            dataset = copy
        mounts = (
            (run.job, BASE, "rw"),
            (run.checkpoints, f"{BASE}/checkpoints", "rw"),
            (run.code, f"{BASE}/input/data/code", "ro"),
            (dataset, f"{BASE}/input/data/dataset", "ro"),
        )
        environment = ("PYTHONPATH=" + f"{BASE}/input/data/code", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
        command = ["docker", "run", "--rm", "--name", self._name, "--pull", "never", "--network", "none", "--init"]
        command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", PROCESSES]
        command += ["--read-only", "--tmpfs", "/tmp", "--user", f"{os.getuid()}:{os.getgid()}"]
        for place, inside, access in mounts:
            command += ["--volume", f"{place.resolve()}:{inside}:{access}"]
        for each in environment:
            command += ["--env", each]
        command += ["--workdir", f"{BASE}/input/data/code", self._image, "python", "-m", "harness.worker", BASE]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        return self._child

    def stop(self, at_once: bool) -> None:
        """SIGTERM, or SIGKILL, to the worker."""
        engine.docker("kill", "--signal", "KILL" if at_once else "TERM", self._name)

    def finish(self) -> Ended:
        """How it ended; nothing of it is left but its outputs."""
        if self._child is None:
            return Ended(1, None, self._job.models, self._job.failure.parent)
        engine.docker("rm", "--force", self._name)
        code = self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()
        killed = "the worker was killed by SIGKILL (by hand, or by the kernel when memory ran out)"
        reason = killed if code == 128 + signal.SIGKILL else None
        return Ended(code, reason, self._job.models, self._job.failure.parent)
