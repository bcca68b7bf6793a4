"""The process that watches one job on SageMaker: `python -m harness.cloud.watch RUN`.

It prints the first worker's lines as CloudWatch gets them, and lines of its own about the job's state; when the job
has ended it writes the job's last description to `ended.json` and ends. Networks fail, credentials expire, AWS asks for
patience, a right may be missing: what that means is said once, and the job does not need any of it.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.cloud.aws import refusal
from harness.cloud.aws.session import client, fresh, login
from harness.cloud.job import Job
from harness.cloud.logs import Log
from harness.cloud.outcome import WAITED
from harness.cloud.standing import Standing
from harness.contract import atomic
from harness.launch.listener import CLOUD
from harness.runs.run_folder import RunFolder

OVER = ("Completed", "Failed", "Stopped")
QUICK, SLOW = 1.0, 10.0  # seconds between two questions, at first and after a while without news
SLOWEST = 30.0  # where AWS asks for patience
LATE = 15.0  # seconds that CloudWatch may take for the last lines, or to answer where the job has ended
PATIENCE = 60.0  # seconds of throttling alone before it is spoken of
GIVE_UP = 3600.0  # seconds after which credentials that have expired are not waited for
FIXED = 30.0  # the same where they are in the environment, which nobody can renew from outside


def main(folder: str) -> None:
    """Watch the job of a run folder to its end."""
    run, parent = RunFolder(Path(folder)), os.getppid()
    watch = Watch(Job.read(run.cloud))
    for line in watch.lines():
        if os.getppid() != parent:  # nobody reads any more
            return
        if line:
            print(line, flush=True)
    if watch.over:
        atomic.write(run.ended, json.dumps(watch.description, default=str, indent=1))


class Watch:
    """A job and what it has said so far; `description` is SageMaker's last one."""

    def __init__(self, found: Job) -> None:
        self._job = found
        self.description: dict[str, Any] = {}
        self._told = ""  # the last state that was spoken of
        self._trouble: dict[str, float] = {}  # kinds of refusal, and since when there is nothing else
        self._spoken: set[str] = set()
        self._log: Log | None = Log(found)
        self._over_since: float | None = None
        self._standing = Standing()
        self._given_up = False
        self._connect()

    @property
    def over(self) -> bool:
        """Whether the job has ended, by its last description."""
        return self.description.get("TrainingJobStatus") in OVER

    def _connect(self) -> None:
        """New clients: they read credentials again that have been renewed meanwhile."""
        session = fresh(self._job.region)
        self._sagemaker = client(session, "sagemaker", attempts=2, mode="adaptive")
        if self._log is not None:
            self._log.connect(client(session, "logs", attempts=2, mode="adaptive"))
        self._standing.connect(client(session, "s3", attempts=2))

    def lines(self) -> Iterator[str]:
        """Lines as they come, and an empty one after each round, until the job is over and its log is read."""
        wait, read_since = QUICK, None
        while True:
            news = False
            for line in self._asked():
                news = True
                yield line
            yield ""
            if self.over and not self._trouble:
                read_since = read_since or time.monotonic()
                # the worker has said its last word, or it has been waited for
                if not news and time.monotonic() - read_since >= self._patience():
                    if self._log is not None:
                        yield from self._log.others(self.description)
                    return
            if self._hopeless():
                return
            slowest = SLOWEST if "throttled" in self._trouble else SLOW
            wait = QUICK if news else min(slowest, wait * 1.5)
            time.sleep(wait)

    def _patience(self) -> float:
        ran = any(each.get("Status") == "Training" for each in self.description.get("SecondaryStatusTransitions", ()))
        return LATE if ran and self._log is not None and not self._log.finished else 2 * QUICK

    def _hopeless(self) -> bool:
        """Whether nothing can be learnt any more: no right to look at the job, or credentials that nobody renews."""
        now, fixed = time.monotonic(), "AWS_ACCESS_KEY_ID" in os.environ
        longest = {"denied": 0.0, **dict.fromkeys(("expired", "unknown", "none"), FIXED if fixed else GIVE_UP)}
        longest["prompt"] = GIVE_UP
        return any(now - since >= longest[name] for name, since in self._trouble.items() if name in longest)

    def _asked(self) -> Iterator[str]:
        """One round of questions; a failure is a line the first time."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield from self._state()
            yield from self._read_log()
        except (BotoCoreError, ClientError, EOFError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationException":
                raise
            kind = refusal.kind(error)
            self._trouble.setdefault(kind, time.monotonic())
            if kind not in self._spoken and (kind != "throttled" or self._since(kind) > PATIENCE):
                self._spoken.add(kind)
                yield CLOUD + _in_words(kind, error)
            if kind != "throttled":
                self._connect()
            return
        if self._spoken:
            yield f"{CLOUD}AWS answers again after {max(map(self._since, self._trouble)):.0f} s"
        self._trouble.clear()
        self._spoken.clear()

    def _since(self, kind: str) -> float:
        return time.monotonic() - self._trouble[kind]

    def _state(self) -> Iterator[str]:
        self.description = self._sagemaker.describe_training_job(TrainingJobName=self._job.name)
        if self.over:
            self._over_since = self._over_since or time.monotonic()
        state = str(self.description.get("SecondaryStatus", ""))
        if state != self._told:
            self._told = state
            transitions = self.description.get("SecondaryStatusTransitions") or [{}]
            message = transitions[-1].get("StatusMessage", "")
            yield f"{CLOUD}{state}{f': {message}' if message else ''}"
        for line in self._standing.lines(self.description):
            yield CLOUD + line
        if self._waited_enough():
            yield f"{CLOUD}no instance came within {self._job.wait_minutes:g} minutes: stopping the job"
            self._sagemaker.stop_training_job(TrainingJobName=self._job.name)
            self._given_up = True
        if self._given_up and "TrainingStartTime" not in self.description:
            self.description[WAITED] = self._job.wait_minutes

    def _waited_enough(self) -> bool:
        """Whether the job has been without an instance for longer than it shall be."""
        limit, began = self._job.wait_minutes, self.description.get("CreationTime")
        if limit is None or began is None or self.over or self._given_up or "TrainingStartTime" in self.description:
            return False
        return bool((datetime.now(UTC) - began).total_seconds() >= 60 * limit)

    def _read_log(self) -> Iterator[str]:
        """New lines of the log; without the right to read it the job is followed by its state alone.

        Where the job has ended, a log that cannot be reached is not waited for.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if self._log is None:
            return
        try:
            yield from self._log.lines(self.description)
        except (BotoCoreError, ClientError) as error:
            kind = refusal.kind(error)
            if kind == "denied" and isinstance(error, ClientError):
                denied = f"AWS denies {error.operation_name} ({_message(error)})"
                yield f"{CLOUD}no live log: {denied}; the job is followed to its end"
            elif kind in ("silent", "other") and time.monotonic() - (self._over_since or time.monotonic()) > LATE:
                yield f"{CLOUD}the last lines of the log are missing: {_message(error)}; the job has ended"
            else:
                raise
            self._log = None


def _in_words(kind: str, error: Exception) -> str:
    goes_on = "the job continues without it"
    if kind in ("expired", "unknown", "none", "prompt"):
        what = f"the AWS credentials are no longer good ({_message(error)})"
        return f"{what}; {goes_on}; in another terminal type: {login()}"
    if kind == "denied":
        return f"AWS denies to look at the job: {_message(error)}; {goes_on}"
    if kind == "throttled":
        return f"AWS asks for patience (too many requests in this account); {goes_on}"
    return f"AWS does not answer ({type(error).__name__}: {error}); {goes_on}"


def _message(error: Exception) -> str:
    return " ".join(str(getattr(error, "response", {}).get("Error", {}).get("Message", error)).split())


if __name__ == "__main__":
    main(*sys.argv[1:])
