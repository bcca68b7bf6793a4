"""The newest checkpoint of a job in S3: its step and its age, and a warning where it stands still."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from harness import console
from harness.cloud.job import Job
from harness.launch import request

LOOK = 60.0  # seconds between two looks
STILL = 15 * 60.0  # seconds without a new checkpoint after which something is wrong
STEP = re.compile(r"step-(\d+)\.ckpt$")


class Standing:
    """What S3 has of a job's checkpoints; a right that is missing, or S3 that does not answer, ends the looking."""

    def __init__(self) -> None:
        self._newest: str | None = None
        self._since = self._looked = time.monotonic()
        self._warned = self._denied = False

    def connect(self, client: Any) -> None:
        """Ask with this client from now on."""
        self._client = client

    def lines(self, description: dict[str, Any]) -> Iterator[str]:
        """A line about each new checkpoint, once a minute at most; one where there has been none for long."""
        now = time.monotonic()
        if description.get("SecondaryStatus") != "Training":
            self._since = now
            return
        if self._denied or now - self._looked < LOOK:
            return
        self._looked = now
        found = self._find(str(description.get("CheckpointConfig", {}).get("S3Uri", "")))
        if found is not None and found[0] != self._newest:
            self._newest, self._since, self._warned = found[0], now, False
            yield f"checkpoint in S3: {described(*found)}"
        elif now - self._since > STILL and not self._warned:
            self._warned = True
            still = console.duration(now - self._since).removeprefix("about ")
            yield f"no new checkpoint in S3 for {still}: the job may stand still"

    def _find(self, uri: str) -> tuple[str, datetime] | None:
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        try:
            return newest(self._client, bucket, prefix)
        except (BotoCoreError, ClientError):
            self._denied = True
            return None


def newest(client: Any, bucket: str, prefix: str) -> tuple[str, datetime] | None:
    """Key and time of the newest checkpoint below a prefix; None where there is none."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix.rstrip("/") + "/")
    found = [(each["Key"], each["LastModified"]) for page in pages for each in page.get("Contents", ())]
    return max(found, key=lambda each: each[1], default=None)


def described(key: str, modified: datetime) -> str:
    """A checkpoint in words: step and age."""
    age = console.duration((datetime.now(UTC) - modified).total_seconds()).removeprefix("about ")
    step = STEP.search(key)
    return f"{f'step {int(step[1])}' if step else key.rpartition('/')[2]}, {age} old"


def prefix(job: Job, run_id: str) -> str:
    """Where the checkpoints of a run lie in its bucket."""
    name = f"{request.runs_name(run_id)}/checkpoints"
    return f"{job.prefix}/{name}" if job.prefix else name
