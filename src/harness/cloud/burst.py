"""A job on SageMaker that is sent from here: its inputs go to S3, and the SDK, in another process, sends one request.

What is needed to find the job again is in the run folder before the request is sent.
"""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import console
from harness.cloud import links, unless
from harness.cloud.aws.refusal import Busy, refused
from harness.cloud.aws.store import Store
from harness.cloud.children import NO_ANSWER, NOT_BEGUN, sent
from harness.cloud.job import Job
from harness.cloud.runner import Cloud
from harness.contract.errors import HarnessError, NotReady
from harness.contract.plan import RunPlan
from harness.launch import request
from harness.runs import checkpoints
from harness.runs.run_folder import RunFolder

AGAIN = 15.0  # seconds until a job is sent again that AWS had no room for; twice as long each time
LONGEST = 120.0
HASTE, QUESTION = 1.5, 60.0  # seconds that looking for a job may take, where a signal has come and else


class Burst(Cloud):
    """A job on SageMaker that is sent from here.

    Where AWS has no room for it, it is sent again for `wait_seconds`, None: as long as it takes. `detach` leaves it as
    soon as it is sent.
    """

    def __init__(
        self,
        session: Any,
        store: Store,
        ask: Callable[[RunPlan], dict[str, Any]],
        wait_seconds: float | None = None,
        detach: bool = False,
    ) -> None:
        super().__init__(session)
        self._store, self._ask, self._wait_seconds, self._detach = store, ask, wait_seconds, detach

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Send the job, as soon as there is room for it, and watch it.

        Raises:
            NotReady: S3 or SageMaker refuses, or a signal came first.
        """
        began, wait, said = time.monotonic(), AGAIN, ""
        while True:
            try:
                self.send(run)
                break
            except Busy as error:
                over = self._wait_seconds is not None and time.monotonic() - began >= self._wait_seconds
                if over:
                    raise
                if error.what != said:
                    said = error.what
                    console.say(f"waiting   {error.what}; it is sent again until there is room; Ctrl-C ends that")
                if self._unwanted.wait(wait):
                    raise NotReady("a signal came before there was room for it: nothing was sent") from error
                wait = min(LONGEST, 2 * wait)
        job = Job.read(run.cloud)
        console.say(f"sent      {job.name}")
        console.say(f"console   {links.job(str(job.name), job.region)}")
        console.say(f"          {links.log(str(job.name), job.region)}")
        console.say(f"          {links.folder(job, run.path.name)}")
        watch = super().start(run, dataset)
        if self._unwanted.is_set():  # a signal came when there was neither a sender nor a job to stop
            self._ask_to_stop()
        if self._detach:
            self.let_go()
        return watch

    def send(self, run: RunFolder) -> None:
        """Put plan, patch and states beside each other in S3, and send the request; ends soon where it is unwanted.

        Raises:
            Busy: AWS has no room for it now; nothing was sent.
            NotReady: S3 or SageMaker refuses.
        """
        self._run = run
        planned = run.planned()
        unless.wanted(lambda: self._upload(run, planned), self._unwanted)
        asked = self._ask(planned)
        region = self._session.region_name
        minutes = None if self._wait_seconds is None else self._wait_seconds / 60
        unsent = Job(None, asked["base_job_name"], region, self._store.bucket, self._store.prefix, minutes)
        unsent.write(run.cloud)
        job = {
            "request": asked,
            "region": region,
            "bucket": unsent.bucket,
            "staging": self._store.key(request.runs_name(planned.run_id)),
        }
        answer = sent(job, self._unwanted)
        if "name" in answer:
            unsent.named(answer["name"]).write(run.cloud)
            return
        error = refused("SageMaker", answer.get("action", "CreateTrainingJob"), answer["code"], answer["message"])
        # The SDK creates the job and then describes it: only what the creation answered says that there is none.
        busy = isinstance(error, Busy) and answer.get("action") == "CreateTrainingJob"
        if not (busy or answer["code"] == NOT_BEGUN) and self._was_sent(unsent, run, begun=answer["code"] == NO_ANSWER):
            return
        run.cloud.unlink(missing_ok=True)
        raise error

    def _was_sent(self, unsent: Job, run: RunFolder, begun: bool) -> bool:
        """Look whether SageMaker has the job although no answer says so: it may have been lost on its way back.

        One that is not found and that was `begun` to be sent when a signal came may still come into being.

        Raises:
            NotReady: it has, or that is unknown, and a signal has come.
        """
        stopped, limit = self._unwanted.is_set(), HASTE if self._unwanted.is_set() else QUESTION
        try:
            found = unless.wanted(lambda: unsent.find(self._session), threading.Event(), limit)
            if found is None and begun and stopped:
                raise NotReady("a signal came while SageMaker was asked to create it")
            if found is not None:
                self._job = found
                found.write(run.cloud)
                if stopped:
                    unless.wanted(self._ask_to_stop, threading.Event(), limit)
        except HarnessError as error:
            self._let_go = True  # no record yet: whoever attaches will know
            what = f"it is not known whether {run.path.name} was sent: {error.what}"
            raise NotReady(what, command=f"python src/attach.py {run.path.name}") from error
        if found is not None and stopped:
            raise NotReady(f"the job {found.name} had just been sent when a signal came: it is stopped")
        return found is not None

    def _upload(self, run: RunFolder, planned: RunPlan) -> None:
        place = request.runs_name(planned.run_id)
        for path in filter(Path.exists, (run.plan, run.patch)):
            self._store.put(f"{place}/plan/{path.name}", path)
        for state in checkpoints.files(run.checkpoints):
            self._store.put(f"{place}/checkpoints/{state.relative_to(run.checkpoints).as_posix()}", state)
