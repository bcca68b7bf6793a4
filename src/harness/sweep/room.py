"""Jobs of a sweep that wait for room in the account's quota: the next one is sent when one has ended.

A run folder is written when its job is sent, and removed where AWS has no room for it: a job that was never sent leaves
no record.
"""

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from harness.cloud.aws.refusal import Busy
from harness.cloud.burst import HASTE, Burst
from harness.cloud.preflight import SageMakerTarget
from harness.contract.errors import HarnessError
from harness.contract.plan import RunPlan
from harness.finish import room
from harness.launch import collect
from harness.launch.runner import Ended
from harness.planning.draft import Draft
from harness.runs.run_folder import RunFolder
from harness.sweep.followed import Followed

AGAIN = 20.0  # seconds until AWS is asked again whether there is room, where none of ours has ended meanwhile
PATIENCE = 1.5  # seconds that a job on its way has to come to an end
LOOKED = 2 * HASTE  # and as many more where SageMaker is asked whether it has it, and to stop it
Pair = tuple[Draft, SageMakerTarget]


class Waiting:
    """Jobs that are still to be sent, the first of `left` next; `followed` are those that were, in their order.

    `at_once` of this sweep's jobs run already. `refusal` is why AWS took no more.
    """

    def __init__(
        self,
        pairs: list[Pair],
        follow: Callable[[RunFolder, RunPlan], Followed],
        say: Callable[[str], None],
        at_once: int,
    ) -> None:
        self.left = list(pairs)
        self.followed: list[Followed] = []
        self.refusal: str | None = None
        self._follow, self._say, self._running = follow, say, at_once
        self._sending: _Sending | None = None
        self._said = ""
        self._full_at: int | None = None  # so many of ours ran when AWS had no room for another one
        self._again = 0.0

    @property
    def done(self) -> bool:
        """Whether nothing is left to be sent."""
        return self._sending is None and (not self.left or self.refusal is not None)

    def look(self, running: int) -> list[Followed]:
        """Begin to send the next job where there may be room, `running` being those that run; the one that was sent."""
        if self._sending is None:
            if self.left and self.refusal is None and self._may_fit(running):
                self._running = running
                self._sending = _Sending(*self.left[0])
            return []
        if not self._sending.done:
            return []
        sending, self._sending = self._sending, None
        return self._sent(sending)

    def stop(self) -> list[Followed]:
        """Send no more; one that is being sent is given up, or stopped. The one that was sent all the same."""
        sent: list[Followed] = []
        if (sending := self._sending) is not None:
            sending.give_up()
            sending.thread.join(PATIENCE)
            if not sending.done and sending.asked:
                sending.thread.join(LOOKED)
            if sending.done and sending.error is None:
                sent = self._sent(sending)
            elif sending.asked and sending.run is not None:
                name = sending.run.path.name
                open_question = f"whether {name} was sent; type: python src/attach.py {name}"
                self._say(f"unknown   {sending.error or open_question}")
            elif sending.done and sending.run is not None:
                shutil.rmtree(sending.run.path, ignore_errors=True)
            self._sending = None
        self.refusal = self.refusal or "a signal came first"
        return sent

    def _may_fit(self, running: int) -> bool:
        fits = self.left[0][1].at_a_time
        if fits is not None and running >= fits:
            return False
        return self._full_at is None or running < self._full_at or time.monotonic() >= self._again

    def _sent(self, sending: "_Sending") -> list[Followed]:
        error, run = sending.error, sending.run
        if error is None:
            assert run is not None
            self.left.pop(0)
            self._full_at = None
            self.followed.append(self._follow(run, sending.draft.plan))
            self._say(f"sent      {self.followed[-1].label}: {run.path}")
            return [self.followed[-1]]
        if isinstance(error, Busy):
            if run is not None:
                shutil.rmtree(run.path, ignore_errors=True)
            self._full_at, self._again = self._running, time.monotonic() + AGAIN
            if error.what != self._said:
                self._said = error.what
                self._say(f"waiting   {len(self.left)} jobs: {error.what}")
            return []
        self.refusal = error.what  # those that are sent keep running, and are followed
        self._say(f"not sent  {run.path.name if run else sending.draft.plan.run_id}: {error}")
        if run is not None:
            ended = Ended(1, self.refusal, run.job / "model", run.job / "output")
            collect.collect(run, sending.draft.plan, ended)
        return []


class _Sending:
    """One job on its way, in a thread of its own: whoever shows the table goes on showing it."""

    def __init__(self, draft: Draft, target: SageMakerTarget) -> None:
        self.draft, self._target = draft, target
        self.run: RunFolder | None = None
        self.error: HarnessError | None = None
        self._burst: Burst | None = None
        self._unwanted = threading.Event()
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    @property
    def done(self) -> bool:
        return not self.thread.is_alive()

    @property
    def asked(self) -> bool:
        """Whether SageMaker may have been asked for the job, and no answer has said that there is none."""
        return self.run is not None and self.run.cloud.exists()

    def give_up(self) -> None:
        """It is not wanted any more."""
        self._unwanted.set()
        if self._burst is not None:
            self._burst.stop(at_once=False)

    def _send(self) -> None:
        try:
            draft = self.draft
            self._burst = self._target.upload(draft.files, draft.data)
            if self._unwanted.is_set():
                self._burst.stop(at_once=False)
            self.draft, self.run = room.stage(room.free_name(replace(draft)))
            self._burst.send(self.run)
        except HarnessError as error:
            self.error = error
