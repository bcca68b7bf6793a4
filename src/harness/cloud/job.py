"""A job on SageMaker as the run folder knows it: enough to find it again from another process, or another day."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.cloud.aws.refusal import told
from harness.cloud.aws.session import client
from harness.contract import atomic, legal
from harness.contract.errors import NotReady
from harness.contract.serial import LARGEST, from_json, parse
from harness.runs import reading


@dataclass(frozen=True)
class Job:
    """`name` is None until SageMaker has said it: till then a job is found by what its name `begins` with.

    After `wait_minutes` without an instance it is stopped; None: it waits as long as SageMaker lets it.
    """

    name: str | None
    begins: str
    region: str
    bucket: str
    prefix: str
    wait_minutes: float | None = None

    @staticmethod
    def read(path: Path) -> "Job":
        """What `write` kept.

        Raises:
            NotReady: there is none, or it is damaged.
        """
        try:
            return from_json(Job, parse(reading.content(path, LARGEST)))
        except (OSError, ValueError) as error:
            raise NotReady(f"{path} does not say which job it is: {legal.spelled(str(error))}") from error

    def write(self, path: Path) -> None:
        """Keep it."""
        atomic.write(path, json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")

    def named(self, name: str) -> "Job":
        """The same with its name."""
        return replace(self, name=name)

    def find(self, session: Any) -> "Job | None":
        """The job with the name that SageMaker knows; None where it knows none.

        Raises:
            NotReady: SageMaker was not reached, or refuses.
        """
        if self.name is not None:
            return self
        with told("looking for the job"):
            # the newest: one that found no instance, or no room in the quota, may have been sent again
            found = client(session, "sagemaker").list_training_jobs(
                NameContains=self.begins, SortBy="CreationTime", SortOrder="Descending"
            )["TrainingJobSummaries"]
        names = [each["TrainingJobName"] for each in found if each["TrainingJobName"].startswith(self.begins)]
        return self.named(names[0]) if names else None
