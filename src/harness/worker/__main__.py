"""The program inside a job, the same in a process, a container and on SageMaker: `python -m harness.worker BASE`.

BASE is laid out like /opt/ml. The worker verifies code, lock and data against the plan, trains, and leaves a record;
where it fails it leaves `failure`, SageMaker's own file for the reason, and a record that says so too. Of several
workers of one job the first one leaves all that, the others only what went wrong with them.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract import atomic, job, plan, record, serial
from harness.contract.errors import HarnessError, RunFailed
from harness.contract.job_folder import JobFolder
from harness.worker.training import train

REASON_LENGTH = 1024  # SageMaker cuts FailureReason there
COMPANION_SECONDS = 80.0  # after the training: an instance that is taken away leaves two minutes in all


class Stop:
    """SIGTERM's handler: while there is nothing to save it ends the program, later it tells the training."""

    def __init__(self) -> None:
        self.orderly = False
        self.reason: str | None = None

    def __call__(self, signum: int, frame: object) -> None:
        self.reason = f"stopped by {signal.Signals(signum).name}"
        if not self.orderly:
            raise RunFailed(self.reason)

    def listen(self) -> None:
        """Take the signal; again where a framework has taken it for its own."""
        signal.signal(signal.SIGTERM, self)


def main(base: str) -> int:
    """Run the plan that lies in the code channel; 0 where it completed, 1 where it failed."""
    folder = JobFolder(Path(base))
    _become_owner(folder.plan)
    stop = Stop()
    stop.listen()
    for path in (folder.models, folder.output, folder.checkpoints):
        path.mkdir(parents=True, exist_ok=True)
    planned = serial.from_json(plan.RunPlan, json.loads(folder.plan.read_text()))
    print(f"worker {planned.run_id}", flush=True)  # the launcher's own talk ends here
    evidence: dict[str, Any] = {"started": _now(), "seconds": {}}
    with _companion(folder):
        try:
            group = train(folder, planned, evidence, stop)
            if job.read(folder.resources).chief:
                completed = record.of(planned, **evidence, status="completed", finished=_now())
                atomic.write(folder.record, serial.dumps(completed))
            group.leave()
        except BaseException as error:
            reason = _reason(error)
            if not isinstance(error, HarnessError):
                traceback.print_exc(file=sys.stdout)
            print(f"failed: {reason}", flush=True)
            atomic.write(folder.failure, reason[:REASON_LENGTH])
            failed = {"status": "failed", "reason": reason, "finished": _now()}
            atomic.write(folder.record, serial.dumps(record.of(planned, **{**evidence, **failed})))
            return 1
        return 0


@contextlib.contextmanager
def _companion(folder: JobFolder) -> Iterator[None]:
    """Run what travels beside the code, where something does; it is told of the end, and waited for."""
    if not folder.companion.exists() or not job.read(folder.resources).chief:
        yield
        return
    command = [sys.executable, "-P", "-m", "harness.tracking.inside", str(folder.base)]  # -P: not the bundle's package
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(folder.companion)}, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        assert child.stdin is not None
        child.stdin.close()
        try:
            child.wait(COMPANION_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()


def _become_owner(path: Path) -> None:
    """As root in a container, continue as the owner of the plan: files then belong to whoever started the run."""
    owner = path.stat()
    if os.getuid() == 0 and owner.st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _reason(error: BaseException) -> str:
    if isinstance(error, HarnessError):
        return str(error)
    kind = type(error).__name__
    text = " ".join(str(error).split())
    memory = isinstance(error, MemoryError) or kind == "ResourceExhaustedError"
    return f"{'out of memory: ' if memory else ''}{kind}: {text}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # a framework takes long to be torn down, and the end of one worker for the failure of another
