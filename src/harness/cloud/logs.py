"""A job's lines in CloudWatch: the first worker's as they come, of the others what they ended with."""

from collections.abc import Iterator
from typing import Any

from harness.cloud.job import Job
from harness.launch.listener import FAILED

GROUP = "/aws/sagemaker/TrainingJobs"
LAST = ("test_", FAILED)  # how the worker's last lines begin


class Log:
    """The lines of a job that have been read so far. `finished` says that the worker has had its last word."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._streams: list[str] = []
        self._tokens: dict[str, str] = {}  # by stream
        self.finished = False

    def connect(self, client: Any) -> None:
        """Ask with this client from now on."""
        self._client = client

    def lines(self, description: dict[str, Any]) -> Iterator[str]:
        """New lines of the first worker; after an interruption its log goes on in another stream.

        AWS counts the questions for streams (25 a second for a whole account), so they are asked for only where one is
        missing: one for each time that the training has begun.
        """
        states = [each.get("Status") for each in description.get("SecondaryStatusTransitions", ())]
        if len(self._streams) < max(1, states.count("Training")):
            self._streams = self._found("algo-1-")
        for stream in self._streams:
            yield from self._stream(stream)

    def others(self, description: dict[str, Any]) -> Iterator[str]:
        """Of a job that failed, the reasons of its other workers."""
        if description.get("TrainingJobStatus") != "Failed" or description["ResourceConfig"]["InstanceCount"] < 2:
            return
        for stream in self._found("algo-"):
            host = stream.rpartition("/")[2].rpartition("-")[0]
            if host == "algo-1":
                continue
            for line in self._stream(stream):
                if line.startswith(FAILED):
                    yield f"{host} {line}"

    def _found(self, begins: str) -> list[str]:
        """The streams of workers whose name begins so, in the order in which they began."""
        from botocore.exceptions import ClientError

        try:
            pages = self._client.get_paginator("describe_log_streams").paginate(
                logGroupName=GROUP, logStreamNamePrefix=f"{self._job.name}/{begins}"
            )
            streams = [stream for page in pages for stream in page["logStreams"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":  # the first job's first lines make it
                return []
            raise
        return [each["logStreamName"] for each in sorted(streams, key=lambda each: each.get("creationTime", 0))]

    def _stream(self, name: str) -> Iterator[str]:
        """New lines of one stream. Its end is the same token twice: an empty page may come in the middle."""
        while True:
            token = {"nextToken": self._tokens[name]} if name in self._tokens else {}
            page = self._client.get_log_events(logGroupName=GROUP, logStreamName=name, startFromHead=True, **token)
            for event in page["events"]:
                line = event["message"].rstrip("\n")
                self.finished = line.startswith(LAST)
                yield line
            after = page["nextForwardToken"]
            if after == self._tokens.get(name):
                return
            self._tokens[name] = after
