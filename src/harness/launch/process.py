"""The worker as a process on this machine: the same bundle, the same folder layout as in a container.

Several workers of one job are several processes, told of each other as SageMaker tells its hosts.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from harness.console import say
from harness.contract import bundle
from harness.contract.job_folder import JobFolder
from harness.launch import environments
from harness.launch.runner import GRACE, Ended, grace
from harness.provenance.credentials import without_secrets
from harness.runs.run_folder import RunFolder
from harness.settings.project import ROOT

LOST = 10.0  # seconds that the others have to end by themselves when one worker has failed


class Process:
    """Worker processes, each in a session of its own: Ctrl-C reaches the host alone, which then stops them in order."""

    grace: float | None = GRACE
    outlives = remote = False

    def __init__(self, count: int = 1) -> None:
        self._count = count
        self._children: list[subprocess.Popen[str]] = []
        self._first_failed: int | None = None

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Lay out a job folder for each worker and start them; the chief's is the run's own."""
        bases = [run.job, *(run.job / f"algo-{number}" for number in range(2, self._count + 1))]
        self._jobs = [JobFolder(base) for base in bases]
        self._python = environments.interpreter(ROOT, (run.code / bundle.LOCK).read_bytes(), say)
        self.grace = grace(run.planned())
        hosts = [f"127.0.0.1:{port}" for port in _free_ports(self._count)]
        for job, host in zip(self._jobs, hosts, strict=True):
            for folder in (job.code.parent, job.output, job.models, job.resources.parent):
                folder.mkdir(parents=True, exist_ok=True)
            for link, target in ((job.code, run.code), (job.dataset, dataset), (job.checkpoints, run.checkpoints)):
                link.symlink_to(target.resolve())
            if self._count > 1:
                job.resources.write_text(json.dumps({"current_host": host, "hosts": hosts}))
        for job in self._jobs:
            self._children.append(self._spawn(job))
        threading.Thread(target=self._watch, daemon=True).start()
        return self._children[0]

    def _spawn(self, job: JobFolder) -> "subprocess.Popen[str]":
        code = {"PYTHONPATH": str(job.code), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        with contextlib.ExitStack() as stack:
            # the chief speaks for all; the others' words are kept with their outputs
            log = subprocess.PIPE if job is self._jobs[0] else stack.enter_context((job.base / "log.txt").open("w"))
            return subprocess.Popen(
                [str(self._python), "-m", "harness.worker", str(job.base)],
                cwd=job.code,
                env=without_secrets(os.environ) | code,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )

    def stop(self, at_once: bool) -> None:
        """SIGTERM, or SIGKILL, to the workers and whatever they started."""
        self._signal(signal.SIGKILL if at_once else signal.SIGTERM)

    def finish(self) -> Ended:
        """How the processes ended: the first one that failed is the one that counts."""
        chief = self._jobs[0]
        if len(self._children) < self._count:
            self._signal(signal.SIGKILL)
            return Ended(1, None, chief.models, chief.failure.parent)
        for other in self._children[1:]:  # the chief's pipe has closed; they are about to end too
            with contextlib.suppress(subprocess.TimeoutExpired):
                other.wait(LOST)
        self._signal(signal.SIGKILL)
        codes = [child.wait() for child in self._children]
        assert self._children[0].stdout is not None
        self._children[0].stdout.close()
        failed = [number for number in range(self._count) if codes[number]]
        counted = self._first_failed if self._first_failed in failed else (failed or [0])[0]
        assert counted is not None
        return Ended(codes[counted], self._reason(counted, codes[counted]), chief.models, chief.failure.parent)

    def _reason(self, number: int, code: int) -> str | None:
        """What the chief's own `failure` cannot say: a signal that killed it, or the end of another worker."""
        killed = f"was killed by {signal.Signals(-code).name}" if code < 0 else None
        if code == -signal.SIGKILL:
            killed = f"{killed} (by hand, or by the kernel when memory ran out)"
        if not number:
            return killed and f"the worker {killed}"
        failure = self._jobs[number].failure
        told = f"failed: {failure.read_text()}" if failure.exists() else f"ended with {code}"
        return f"worker algo-{number + 1} of {self._count} {killed or told}" if code else None

    def _watch(self) -> None:
        """Wait for the workers, and end what would go on without them.

        What a worker started would hold the pipe open, and the host would read on; the other workers would wait for
        one that has failed, and have a moment to end in order.
        """
        deadline = None
        running = dict(enumerate(self._children))
        while running:
            for number, child in list(running.items()):
                if child.poll() is None:
                    continue
                del running[number]
                _kill(child, signal.SIGKILL)
                if child.returncode and self._first_failed is None:
                    self._first_failed, deadline = number, time.monotonic() + LOST
            if deadline is not None and time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            time.sleep(0.05)

    def _signal(self, number: int) -> None:
        for child in self._children:
            _kill(child, number)


def _kill(child: "subprocess.Popen[str]", number: int) -> None:
    """To the worker's process group, which lasts as long as its last member."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(child.pid, number)


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
