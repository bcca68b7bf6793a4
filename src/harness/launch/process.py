"""The worker as a process on this machine: the same bundle, the same folder layout as in a container."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from harness.folders import JobFolder, RunFolder
from harness.launch import Ended
from harness.provenance import without_secrets


class Process:
    """One worker process, in a session of its own: Ctrl-C reaches the host alone, which then stops it in order."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Lay out the job folder and start the worker in it."""
        self._job = job = JobFolder(run.job)
        for folder in (job.code.parent, job.output, job.model.parent):
            folder.mkdir(parents=True, exist_ok=True)
        for link, target in ((job.code, run.code), (job.dataset, dataset), (job.checkpoints, run.checkpoints)):
            link.symlink_to(target.resolve())
        code = {"PYTHONPATH": str(job.code), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "harness.worker", str(job.base)],
            cwd=job.code,
            env=without_secrets(os.environ) | code,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=self._end_stragglers, daemon=True).start()
        return self._child

    def stop(self, at_once: bool) -> None:
        """SIGTERM, or SIGKILL, to the worker and whatever it started."""
        self._signal(signal.SIGKILL if at_once else signal.SIGTERM)

    def finish(self) -> Ended:
        """How the process ended; a signal's name is the reason where one killed it."""
        if self._child is None:
            return Ended(1, None, self._job.model.parent, self._job.failure.parent)
        self._signal(signal.SIGKILL)
        code = self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()
        killed = f"the worker was killed by {signal.Signals(-code).name}" if code < 0 else None
        if code == -signal.SIGKILL:
            killed = f"{killed} (by hand, or by the kernel when memory ran out)"
        return Ended(code, killed, self._job.model.parent, self._job.failure.parent)

    def _end_stragglers(self) -> None:
        """What the worker started goes when it goes: it would hold the pipe open, and the host would read on."""
        assert self._child is not None
        self._child.wait()
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """To the worker's process group, which lasts as long as its last member."""
        assert self._child is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in it
            os.killpg(self._child.pid, number)
