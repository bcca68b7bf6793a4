"""What an account must have before a job is sent, as AWS's own client asks for it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from harness.cloud.aws import account
from harness.contract.errors import NotReady

NUMBER, BUCKET, ARN = "123456789012", "mine", "arn:aws:iam::123456789012:role/harness"
Stub = Callable[[str], Stubber]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return boto3.Session("a", "b", region_name="us-east-1")


@pytest.fixture
def stub(session: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """Clients that answer as a test says, and to nothing else."""
    stubs: dict[str, Stubber] = {}

    def of(service: str) -> Stubber:
        if service not in stubs:
            stubs[service] = Stubber(session.client(service))
            stubs[service].activate()
        return stubs[service]

    monkeypatch.setattr(account, "client", lambda session, service, *_: of(service).client)
    yield of
    for each in stubs.values():
        each.assert_no_pending_responses()


def role(trust: object) -> dict[str, Any]:
    return {
        "Role": {
            "Path": "/",
            "RoleName": "harness",
            "RoleId": "A" * 16,
            "Arn": ARN,
            "CreateDate": 0,
            "AssumeRolePolicyDocument": json.dumps(trust),
        }
    }


TRUSTING = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}]}


def test_an_account_is_found_with_a_role_and_a_bucket_of_its_own(
    session: Any, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "session", lambda region: session)
    stub("sts").add_response("get_caller_identity", {"Account": NUMBER})
    stub("iam").add_response("get_role", role(TRUSTING), {"RoleName": "harness"})
    asked = {"Bucket": f"sagemaker-us-east-1-{NUMBER}", "ExpectedBucketOwner": NUMBER}
    stub("s3").add_response("head_bucket", {"BucketRegion": "us-east-1"}, asked)
    found = account.find(None, None, None, None)
    assert (found.number, found.region, found.role, found.bucket) == (NUMBER, "us-east-1", ARN, asked["Bucket"])


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("404", "mode.bucket=mine does not exist"),
        ("403", "mode.bucket=mine belongs to another account than 123456789012, or s3:ListBucket on it is denied"),
        ("301", "mode.bucket=mine is not in us-east-1, where the job would run"),
        ("ExpiredToken", "the AWS credentials have expired"),
        ("SlowDown", "the bucket mine: SlowDown"),
    ],
)
def test_a_bucket_that_a_job_cannot_use_is_one_line(session: Any, stub: Stub, code: str, complaint: str) -> None:
    # the owner goes with the question, so that S3 denies a bucket of anybody else
    expected = {"Bucket": BUCKET, "ExpectedBucketOwner": NUMBER}
    stub("s3").add_client_error("head_bucket", code, expected_params=expected)
    with pytest.raises(NotReady) as error:
        account._check_bucket(session, BUCKET, NUMBER)
    assert str(error.value).startswith(complaint)


def test_a_bucket_in_another_region_is_refused_also_where_s3_answers(session: Any, stub: Stub) -> None:
    stub("s3").add_response("head_bucket", {"BucketRegion": "eu-west-1"})
    with pytest.raises(NotReady, match=r"mode\.bucket=mine is not in us-east-1, where the job would run"):
        account._check_bucket(session, BUCKET, NUMBER)
    stub("s3").add_response("head_bucket", {})
    account._check_bucket(session, BUCKET, NUMBER)


def test_a_role_that_sagemaker_may_not_assume_is_refused(session: Any, stub: Stub) -> None:
    lambdas = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    stub("iam").add_response("get_role", role(lambdas))
    with pytest.raises(NotReady, match=r"mode\.role=harness: SageMaker may not assume it"):
        account._role(session, None)
    stub("iam").add_response("get_role", role(TRUSTING), {"RoleName": "mine"})
    assert account._role(session, "arn:aws:iam::123456789012:role/path/mine") == ARN
    stub("iam").add_client_error("get_role", "NoSuchEntity")
    with pytest.raises(NotReady, match=r"mode\.role=mine: this AWS account has no such role"):
        account._role(session, "mine")


def test_a_profile_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(NotReady, match=r"AWS: The config profile \(nobody\) could not be found"):
        account.session("us-east-1")
