"""Who we are on AWS, and what a job may use there: account, role, bucket.

What is not set in conf/ is taken from the environment and AWS's own files, by boto3's rules; what AWS knows itself is
asked of AWS. Each thing that is missing is one line.
"""

import json
from dataclasses import dataclass
from typing import Any

from harness.cloud.aws.refusal import kind, told
from harness.cloud.aws.session import client, session
from harness.contract.errors import NotReady

ROLE = "harness"  # the role that docs/cloud.md makes
TRUSTED = "sagemaker.amazonaws.com"


@dataclass(frozen=True)
class Account:
    """`session` is boto3's; `number` the account's number; `role` an ARN; `bucket` a name."""

    session: Any
    region: str
    number: str
    role: str
    bucket: str


def find(region: str | None, role: str | None, bucket: str | None, bucket_owner: str | None) -> Account:
    """The account with a role and a bucket that a job can use.

    Raises:
        NotReady: credentials, region, role or bucket are missing, or not what a job needs.
    """
    made = session(region)
    account = number(made)
    arn = _role(made, role)
    bucket = bucket or f"sagemaker-{made.region_name}-{account}"
    _check_bucket(made, bucket, bucket_owner or account)
    return Account(made, made.region_name, account, arn, bucket)


def number(made: Any) -> str:
    """The number of the account that the credentials belong to.

    Raises:
        NotReady: there are no credentials, or AWS does not take them.
    """
    with told("who the credentials belong to"):
        return str(client(made, "sts").get_caller_identity()["Account"])


def _role(made: Any, wanted: str | None) -> str:
    """The ARN of a role that SageMaker may take: the one that is set, else the project's own."""
    from botocore.exceptions import ClientError

    name, arn = (wanted or ROLE).rpartition("/")[2], wanted if wanted and wanted.startswith("arn:") else None
    missing = NotReady(
        f"mode.role={name}: this AWS account has no such role",
        legal="a role that SageMaker may assume",
        command="mode.role=NAME, or make one as docs/cloud.md says",
    )
    try:
        with told(f"the role {name} (iam:GetRole)", {"NoSuchEntity": missing}):
            role = client(made, "iam").get_role(RoleName=name)["Role"]
    except NotReady as error:
        if arn is None or not isinstance(error.__cause__, ClientError) or kind(error.__cause__) != "denied":
            raise
        return arn  # who may hand a role on need not be allowed to look at it: SageMaker will
    trust = role["AssumeRolePolicyDocument"]
    trust = json.loads(trust) if isinstance(trust, str) else trust
    if TRUSTED not in json.dumps(trust):
        raise NotReady(
            f"mode.role={name}: SageMaker may not assume it; its trust policy does not name {TRUSTED}",
            command=f"aws iam update-assume-role-policy --role-name {name} "
            "--policy-document file://docs/aws/trust-policy.json",
        )
    return str(role["Arn"])


def _check_bucket(made: Any, bucket: str, number: str) -> None:
    absent = NotReady(
        f"mode.bucket={bucket} does not exist",
        command=f"aws s3 mb s3://{bucket} --region {made.region_name}",
    )
    foreign = NotReady(
        f"mode.bucket={bucket} belongs to another account than {number}, or s3:ListBucket on it is denied",
        legal="a bucket of that account, or mode.bucket_owner=ACCOUNT",
        command="mode.bucket=NAME",
    )
    elsewhere = NotReady(
        f"mode.bucket={bucket} is not in {made.region_name}, where the job would run",
        legal=f"a bucket in {made.region_name}",
        command="mode.bucket=NAME, or mode.region=…",
    )
    errors = {"404": absent, "NoSuchBucket": absent, "403": foreign, "AccessDenied": foreign, "301": elsewhere}
    with told(f"the bucket {bucket}", errors):
        found = client(made, "s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=number)
    if found.get("BucketRegion", made.region_name) != made.region_name:
        raise elsewhere


def check_secret(made: Any, name: str) -> None:
    """See that a secret is there; its value is read by the job alone.

    Raises:
        NotReady: it is not, or AWS denies to look.
    """
    absent = NotReady(
        f"mode.comet_secret={name}: Secrets Manager has no such secret",
        legal="a secret in the job's region, or null",
        command=f"aws secretsmanager create-secret --name {name} --secret-string file://KEY_FILE",
    )
    with told(f"the secret {name}", {"ResourceNotFoundException": absent}):
        client(made, "secretsmanager").describe_secret(SecretId=name)
