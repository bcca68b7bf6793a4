"""This project's jobs on SageMaker, what lies in S3 and ECR, and the removal of what a finished run left there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from harness import console
from harness.cloud import links
from harness.cloud.aws import images
from harness.cloud.aws.refusal import told
from harness.cloud.aws.session import client
from harness.cloud.job import Job
from harness.contract.errors import NotReady
from harness.launch import request
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder

BEGINS = "harness-"  # the names of this project's jobs
MOST = 30  # jobs that are shown, the newest
AT_ONCE = 1000  # objects that S3 removes in one request


@dataclass(frozen=True)
class Standing:
    """One job: `run` is its run's folder here, None where that is elsewhere; `usd` so far, None where unknown."""

    name: str
    state: str
    run: RunFolder | None
    instance: str
    seconds: float
    usd: float | None
    region: str

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        cost = "-" if self.usd is None else f"{self.usd:.2f} USD"
        run = self.run.path.name if self.run else "not here"
        return self.state, run, self.instance, console.duration(self.seconds).removeprefix("about "), cost, self.name


HEAD = ("state", "run", "instance", "billed", "cost", "job")


def jobs(session: Any, runs: Path) -> Iterator[Standing]:
    """The newest jobs of this project in the session's region, the newest first.

    Raises:
        NotReady: AWS does not answer, or refuses.
    """
    sagemaker = client(session, "sagemaker")
    with told("listing the jobs"):
        pages = sagemaker.get_paginator("list_training_jobs").paginate(
            NameContains=BEGINS, SortBy="CreationTime", SortOrder="Descending"
        )
        names = [each["TrainingJobName"] for page in pages for each in page["TrainingJobSummaries"]]
        own = [name for name in names if name.startswith(BEGINS)]
        for name in islice(own, MOST):
            yield _standing(sagemaker.describe_training_job(TrainingJobName=name), runs, session.region_name)


def _standing(description: dict[str, Any], runs: Path, region: str) -> Standing:
    compute, tags = description["ResourceConfig"], description["OutputDataConfig"]["S3OutputPath"]
    run = RunFolder(runs / tags.rstrip("/").split("/")[-2])  # …/runs/RUN_ID/output
    began, ended = description.get("TrainingStartTime"), description.get("TrainingEndTime")
    seconds = description.get("BillableTimeInSeconds")
    if seconds is None:  # it runs: what it would be billed on demand
        seconds = ((ended or datetime.now(UTC)) - began).total_seconds() if began else 0.0
    here = run.plan.exists()
    hour = None
    if here:
        cloud = run_folder.read_plan(run.plan).placement.cloud
        hour = cloud.usd_per_hour if cloud else None
    return Standing(
        name=description["TrainingJobName"],
        state=str(description.get("SecondaryStatus", description["TrainingJobStatus"])),
        run=run if here else None,
        instance=f"{compute['InstanceCount']} x {compute.get('InstanceType', 'unknown')}",
        seconds=float(seconds),
        usd=None if hour is None else seconds * hour / 3600,
        region=region,
    )


def sizes(session: Any, bucket: str, prefix: str) -> dict[str, int]:
    """Bytes in S3 by what they are: `datasets`, `code`, and each run.

    Raises:
        NotReady: S3 refuses or does not answer.
    """
    found: dict[str, int] = {}
    with told(f"listing s3://{bucket}/{prefix}"):
        for key, size in _objects(client(session, "s3"), bucket, f"{prefix}/"):
            kind, _, rest = key.removeprefix(f"{prefix}/").partition("/")
            name = rest.partition("/")[0] if kind == "runs" else kind
            found[name] = found.get(name, 0) + size
    return found


def image_bytes(session: Any) -> int:
    """Bytes of the project's images in ECR.

    Raises:
        NotReady: ECR refuses or does not answer.
    """
    ecr = client(session, "ecr")
    with told(f"listing the images of {images.REPOSITORY}"):
        try:
            pages = ecr.get_paginator("describe_images").paginate(repositoryName=images.REPOSITORY)
            return sum(int(each.get("imageSizeInBytes", 0)) for page in pages for each in page["imageDetails"])
        except ecr.exceptions.RepositoryNotFoundException:
            return 0


def removable(run: RunFolder) -> Job:
    """The job of a run whose outputs are here, so that S3 need not have them any more.

    Raises:
        NotReady: it is still on its way, was not sent, or nothing is recorded of its end.
    """
    if not run.cloud.exists():
        raise NotReady(f"{run.path.name} was not sent to SageMaker", legal="a run of mode=cloud")
    if not run.record.exists():
        raise NotReady(
            f"{run.path.name} has no record yet: what S3 has of it is not here",
            command=f"python src/attach.py {run.path.name}",
        )
    return Job.read(run.cloud)


def left(session: Any, job: Job, run: RunFolder) -> list[tuple[str, int]]:
    """Keys and sizes of what a run left in S3.

    Raises:
        NotReady: S3 refuses or does not answer.
    """
    place = f"{job.prefix}/{request.runs_name(run.path.name)}/"
    with told(f"listing s3://{job.bucket}/{place}"):
        return list(_objects(client(session, "s3"), job.bucket, place))


def remove(session: Any, job: Job, keys: list[str], say: Callable[[str], None]) -> None:
    """Remove objects.

    Raises:
        NotReady: S3 refuses or does not answer.
    """
    s3 = client(session, "s3")
    for at in range(0, len(keys), AT_ONCE):
        batch = [{"Key": key} for key in keys[at : at + AT_ONCE]]
        with told(f"removing from s3://{job.bucket}"):
            answer = s3.delete_objects(Bucket=job.bucket, Delete={"Objects": batch, "Quiet": True})
        for error in answer.get("Errors", ())[:1]:
            raise NotReady(f"S3 did not remove {error['Key']}: {error['Code']}: {error['Message']}")
    say(f"removed   {len(keys)} objects of s3://{job.bucket}")


def _objects(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Contents", ()):
            yield each["Key"], int(each["Size"])


def where(standing: Standing) -> str:
    """The job's page in the console."""
    return links.job(standing.name, standing.region)
