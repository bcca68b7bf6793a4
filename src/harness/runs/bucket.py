"""Where in S3 the project of a job in the cloud lies."""

from harness.contract import legal
from harness.contract.serial import LARGEST, parse
from harness.runs import reading
from harness.runs.run_folder import RunFolder


def address(run: RunFolder) -> str | None:
    """Where the project of a job in the cloud lies in S3, as s3://bucket/prefix; None where that is not known."""
    try:
        job = parse(reading.content(run.cloud, LARGEST))
        bucket, prefix = (legal.spelled(str(job[name])) for name in ("bucket", "prefix"))
    except (OSError, ValueError, KeyError, TypeError):  # there is no job, or its file is damaged
        return None
    return f"s3://{bucket}/{prefix}"
