"""Addresses of AWS's console, for people: a job, its log, its folder in S3."""

from urllib.parse import quote

from harness.cloud.job import Job
from harness.cloud.logs import GROUP
from harness.cloud.standing import prefix


def job(name: str, region: str) -> str:
    """The page of a job."""
    return f"{_console(region)}/sagemaker/home?region={region}#/jobs/{name}"


def log(name: str, region: str) -> str:
    """The streams of its log. CloudWatch's page wants its own address escaped twice, with $ for %."""
    group, stream = (quote(quote(text, safe=""), safe="").replace("%", "$") for text in (GROUP, f"{name}/"))
    asked = f"$3FlogStreamNameFilter$3D{stream}"
    return f"{_console(region)}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}{asked}"


def folder(found: Job, run_id: str) -> str:
    """The run's folder in S3."""
    place = prefix(found, run_id).removesuffix("checkpoints")
    return f"{_console(found.region)}/s3/buckets/{found.bucket}?region={found.region}&prefix={quote(place)}"


def _console(region: str) -> str:
    domain = {"cn": "amazonaws.cn", "us-gov": "amazonaws-us-gov.com"}
    found = next((name for begins, name in domain.items() if region.startswith(begins)), "aws.amazon.com")
    return f"https://{region}.console.{found}"
