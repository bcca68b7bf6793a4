"""The process that watches one job on SageMaker: `python -m harness.cloud.watch RUN`.

It prints the first worker's lines as CloudWatch gets them, and lines of its own about the job's state; when the job
has ended it writes the job's last description to `ended.json` and ends. Networks fail and credentials expire: it says
so once and asks again, for the job does not need it.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.cloud.aws import account
from harness.cloud.job import Job
from harness.contract import atomic
from harness.launch.listener import CLOUD
from harness.runs.run_folder import RunFolder

GROUP = "/aws/sagemaker/TrainingJobs"
OVER = ("Completed", "Failed", "Stopped")
QUICK, SLOW = 1.0, 10.0  # seconds between two questions, at first and after a while without news
LATE = 20.0  # seconds that CloudWatch may take for the last lines


def main(folder: str) -> None:
    """Watch the job of a run folder to its end."""
    run = RunFolder(Path(folder))
    watch = Watch(Job.read(run.cloud))
    for line in watch.lines():
        print(line, flush=True)
    atomic.write(run.ended, json.dumps(watch.description, default=str, indent=1))


class Watch:
    """A job and what it has said so far; `description` is SageMaker's last one."""

    def __init__(self, found: Job) -> None:
        self._job = found
        self.description: dict[str, Any] = {}
        self._tokens: dict[str, str] = {}  # by log stream
        self._told = ""  # the last state that was spoken of
        self._silent_since: float | None = None
        self._connect()

    def _connect(self) -> None:
        """New clients: they read credentials again that have been renewed meanwhile."""
        import boto3

        session = boto3.Session(region_name=self._job.region)
        self._sagemaker, self._logs = (account.client(session, name, attempts=2) for name in ("sagemaker", "logs"))

    def lines(self) -> Iterator[str]:
        """Lines as they come, until the job is over and its log is read."""
        wait, over_since = QUICK, None
        while True:
            news = False
            for line in self._asked():
                news = True
                yield line
            if self.description.get("TrainingJobStatus") in OVER and self._silent_since is None:
                over_since = over_since or time.monotonic()
                # the worker has said its last word, or it has been waited for
                if not news and time.monotonic() - over_since >= self._patience():
                    return
            wait = QUICK if news else min(SLOW, wait * 1.5)
            time.sleep(wait)

    def _patience(self) -> float:
        ran = any(each.get("Status") == "Training" for each in self.description.get("SecondaryStatusTransitions", ()))
        return LATE if ran and not self._tokens else 2 * QUICK

    def _asked(self) -> Iterator[str]:
        """One round of questions; a failure is a line the first time."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield from self._state()
            yield from self._log()
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationException":
                raise
            if self._silent_since is None:
                self._silent_since = time.monotonic()
                yield f"{CLOUD}AWS does not answer ({type(error).__name__}: {error}); the job continues without it"
            self._connect()
            return
        if self._silent_since is not None:
            yield f"{CLOUD}AWS answers again after {time.monotonic() - self._silent_since:.0f} s"
            self._silent_since = None

    def _state(self) -> Iterator[str]:
        self.description = self._sagemaker.describe_training_job(TrainingJobName=self._job.name)
        state = str(self.description.get("SecondaryStatus", ""))
        if state != self._told:
            self._told = state
            transitions = self.description.get("SecondaryStatusTransitions") or [{}]
            message = transitions[-1].get("StatusMessage", "")
            yield f"{CLOUD}{state}{f': {message}' if message else ''}"

    def _log(self) -> Iterator[str]:
        """New lines of the first worker; after an interruption its log goes on in another stream."""
        from botocore.exceptions import ClientError

        try:
            pages = self._logs.get_paginator("describe_log_streams").paginate(
                logGroupName=GROUP, logStreamNamePrefix=f"{self._job.name}/algo-1-"
            )
            streams = [stream for page in pages for stream in page["logStreams"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":  # the first job's first lines make it
                return
            raise
        for stream in sorted(streams, key=lambda each: each.get("creationTime", 0)):
            yield from self._stream(stream["logStreamName"])

    def _stream(self, name: str) -> Iterator[str]:
        while True:
            token = {"nextToken": self._tokens[name]} if name in self._tokens else {}
            page = self._logs.get_log_events(logGroupName=GROUP, logStreamName=name, startFromHead=True, **token)
            for event in page["events"]:
                yield event["message"].rstrip("\n")
            after = page["nextForwardToken"]
            if not page["events"] or after == self._tokens.get(name):
                self._tokens[name] = after
                return
            self._tokens[name] = after


if __name__ == "__main__":
    main(*sys.argv[1:])
