"""A job on SageMaker: its inputs go to S3, the SDK sends one request, another process watches it.

The job outlives this program. What is needed to find it again is in the run folder before the request is sent.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.cloud.aws.account import client, session, told
from harness.cloud.aws.store import TRIES, Store, unpack
from harness.cloud.children import child, sent
from harness.cloud.job import Job
from harness.cloud.outcome import bill, judge
from harness.contract.errors import HarnessError, NotReady, RunFailed
from harness.contract.plan import RunPlan
from harness.launch import request
from harness.launch.runner import Ended
from harness.runs import checkpoints, locks
from harness.runs.run_folder import RunFolder


class Cloud:
    """A run's job on SageMaker, found again from what the run folder knows."""

    grace: float | None = None  # SageMaker gives the worker two minutes
    outlives = True

    def __init__(self, session: Any) -> None:
        self._session = session
        self._watch: subprocess.Popen[str] | None = None
        self._let_go = False

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Watch the job from its first line on."""
        self._run, self._job = run, Job.read(run.cloud)
        self._alone = _alone(run)
        shutil.rmtree(run.job, ignore_errors=True)
        run.job.mkdir()
        self._watch = child("harness.cloud.watch", str(run.path.resolve()))
        return self._watch

    def stop(self, at_once: bool) -> None:
        """Ask SageMaker to stop the job; `at_once`: leave it alone and end the watch.

        Raises:
            NotReady: SageMaker was not reached, or refuses.
        """
        if at_once:
            self._let_go = True
            if self._watch is not None:
                self._watch.kill()
            return
        over = NotReady(f"the job {self._job.name} has ended already")
        with told("stopping the job", {"ValidationException": over}):
            client(self._session, "sagemaker").stop_training_job(TrainingJobName=self._job.name)

    def finish(self) -> Ended:
        """Bring the outputs back, and say how the job ended by SageMaker's own account.

        Raises:
            NotReady, RunFailed: the job is over or goes on, but what it left could not be had; attaching again
                goes on from here.
        """
        run = self._run
        model, output = run.job / "model", run.job / "output"
        if self._watch is None:
            return Ended(1, None, model, output)
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
        try:
            self._fetch(model, output / "data")
        except HarnessError as error:
            raise type(error)(error.what, command=f"python src/attach.py {run.path.name}") from error
        planned = run.planned()
        reason = judge(description)
        found = bill(description, planned)
        return Ended(1 if reason else 0, reason, model, output, found)

    def _fetch(self, model: Path, output: Path) -> None:
        """The states, and what SageMaker packed at the job's end."""
        store = Store(client(self._session, "s3"), self._job.bucket, self._job.prefix)
        name = request.runs_name(self._run.path.name)
        store.get_folder(f"{name}/checkpoints", self._run.checkpoints)
        for archive, folder in (("model.tar.gz", model), ("output.tar.gz", output)):
            _fetch_archive(store, f"{name}/output/{self._job.name}/output/{archive}", folder)


class Burst(Cloud):
    """A job on SageMaker that is sent from here."""

    def __init__(self, session: Any, store: Store, ask: Callable[[RunPlan], dict[str, Any]]) -> None:
        super().__init__(session)
        self._store, self._ask = store, ask

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Send the job and watch it.

        Raises:
            NotReady: S3 or SageMaker refuses.
        """
        self.send(run)
        return super().start(run, dataset)

    def send(self, run: RunFolder) -> None:
        """Put plan, patch and states beside each other in S3, and send the request.

        Raises:
            NotReady: S3 or SageMaker refuses.
        """
        self._run = run
        planned = run.planned()
        place = request.runs_name(planned.run_id)
        for path in filter(Path.exists, (run.plan, run.patch)):
            self._store.put(f"{place}/plan/{path.name}", path)
        for state in checkpoints.files(run.checkpoints):
            self._store.put(f"{place}/checkpoints/{state.relative_to(run.checkpoints).as_posix()}", state)
        asked = self._ask(planned)
        region = self._session.region_name
        unsent = Job(None, asked["base_job_name"], region, self._store.bucket, self._store.prefix)
        unsent.write(run.cloud)
        answer = sent({"request": asked, "region": region, "bucket": unsent.bucket, "prefix": unsent.prefix})
        if "name" in answer:
            unsent.named(answer["name"]).write(run.cloud)
        elif (found := unsent.find(self._session)) is not None:  # an answer was lost on its way back
            found.write(run.cloud)
        else:
            raise NotReady(f"SageMaker: {answer['code']}: {answer['message']}", command="see docs/cloud.md")


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
    return Cloud(made)


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


def _fetch_archive(store: Store, name: str, folder: Path) -> None:
    """Download and unpack, whole or not at all; a job that was stopped early leaves no archive."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.with_name(f"{folder.name}.tar.gz")
    for left in reversed(range(TRIES)):
        if not store.get(name, archive):
            return
        try:
            unpack(archive, folder)
        except RunFailed:
            if not left:
                raise
            shutil.rmtree(folder)
        else:
            return
        finally:
            archive.unlink(missing_ok=True)
