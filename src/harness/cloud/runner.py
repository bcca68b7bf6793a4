"""A job on SageMaker: another process watches it, and what it leaves in S3 is brought to the run folder.

The job outlives this program; a run folder knows enough to find it again.
"""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

from harness.cloud import unless
from harness.cloud.aws.refusal import told
from harness.cloud.aws.session import client, fresh, session
from harness.cloud.children import child
from harness.cloud.fetch import fetch
from harness.cloud.job import Job
from harness.cloud.outcome import bill, judge
from harness.contract.errors import HarnessError, NotReady
from harness.launch.runner import Ended
from harness.runs import locks
from harness.runs.run_folder import RunFolder


class Cloud:
    """A run's job on SageMaker, found again from what the run folder knows.

    It `outlives` this program from the moment that it is sent until it has ended: before and after, Ctrl-C ends what
    this program does. `job` is one that was sent before.
    """

    grace: float | None = None  # SageMaker gives the worker two minutes
    remote = True

    def __init__(self, session: Any, job: Job | None = None) -> None:
        self._session = session
        self._sent = job is not None
        if job is not None:
            self._job = job
        self._watch: subprocess.Popen[str] | None = None
        self._let_go = False
        self._unwanted = threading.Event()  # what this program does with no job to ask about

    @property
    def outlives(self) -> bool:
        """Whether there is a job that goes on without this program."""
        return self._watch.poll() is None if self._watch is not None else self._sent

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Watch the job from its first line on."""
        self._run, self._job = run, Job.read(run.cloud)
        self._alone = _alone(run)
        shutil.rmtree(run.job, ignore_errors=True)
        run.job.mkdir()
        self._watch = child("harness.cloud.watch", str(run.path.resolve()))
        if self._let_go:  # a signal came first
            self._watch.kill()
        return self._watch

    def stop(self, at_once: bool) -> None:
        """Ask SageMaker to stop the job; `at_once`: leave it alone and end the watch.

        Raises:
            NotReady: SageMaker was not reached, or refuses.
        """
        if not self.outlives:
            self._unwanted.set()
            return
        if at_once:
            self.let_go()
            return
        unless.wanted(self._ask_to_stop, threading.Event(), limit=20.0)

    def let_go(self) -> None:
        """End the watch; the job goes on."""
        self._let_go = True
        if self._watch is not None:
            self._watch.kill()

    def _ask_to_stop(self) -> None:
        over = NotReady(f"the job {self._job.name} has ended already")
        # Keys in a file may have been renewed since this program began, and its session holds the old ones.
        with told("stopping the job", {"ValidationException": over}):
            client(fresh(self._job.region), "sagemaker").stop_training_job(TrainingJobName=self._job.name)

    def finish(self) -> Ended:
        """Bring the outputs back, and say how the job ended by SageMaker's own account.

        Raises:
            NotReady, RunFailed: the job is over or goes on, but what it left could not be had; attaching again
                goes on from here.
        """
        run = self._run
        model, output = run.job / "model", run.job / "output"
        if self._watch is None:
            return Ended(0 if self._let_go else 1, None, model, output, detached=self._let_go)
        self._watch.wait()
        assert self._watch.stdout is not None
        self._watch.stdout.close()
        if not run.ended.exists():
            if self._let_go:
                return Ended(0, None, model, output, detached=True)
            raise NotReady(
                f"the watch of job {self._job.name} broke off (see {run.log}); the job goes on",
                command=f"python src/attach.py {run.path.name}",
            )
        description: dict[str, Any] = json.loads(run.ended.read_text())
        self._unwanted.clear()
        try:
            unless.wanted(
                lambda: fetch(fresh(self._job.region), self._job, run, model, output / "data"), self._unwanted
            )
        except HarnessError as error:
            raise type(error)(error.what, command=f"python src/attach.py {run.path.name}") from error
        reason = judge(description)
        return Ended(1 if reason else 0, reason, model, output, bill(description, run.planned()))


def find(run: RunFolder) -> Cloud:
    """The job of a run, on its way or over, whoever sent it. It says again what it has said: the log begins anew.

    Raises:
        NotReady: the run is complete, was not sent to SageMaker, or another program follows it.
    """
    if run.record.exists():
        raise NotReady(f"{run.path.name} is over: its record is there", command=f"cat {run.record}")
    if not run.cloud.exists():
        raise NotReady(f"{run.path.name} was not sent to SageMaker", legal="a run of mode=cloud")
    job = Job.read(run.cloud)
    made = session(job.region)
    if (found := job.find(made)) is None:
        raise NotReady(f"{run.path.name} was never sent: SageMaker has no such job", command=f"rm -r {run.path}")
    found.write(run.cloud)
    os.close(_alone(run))
    run.log.unlink(missing_ok=True)
    shutil.rmtree(run.comet, ignore_errors=True)
    return Cloud(made, found)


def followed(run: RunFolder) -> bool:
    """Whether another program follows the run's job."""
    try:
        os.close(_alone(run))
    except NotReady:
        return True
    return False


def _alone(run: RunFolder) -> int:
    """A lock that says: this program follows the run. It ends with the program, however that ends.

    Raises:
        NotReady: another program holds it.
    """
    return locks.hold(run.plan, NotReady(f"{run.path.name}: another program follows it", command=f"tail -f {run.log}"))
