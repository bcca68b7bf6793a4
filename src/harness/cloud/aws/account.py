"""Who we are on AWS, and what a job may use there: region, account, role, bucket.

What is not set in conf/ is taken from the environment and AWS's own files, by boto3's rules; what AWS knows itself is
asked of AWS. Each thing that is missing is one line.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.contract.errors import NotReady
from harness.settings.schema import Cloud

ROLE = "harness"  # the role that docs/cloud.md makes
TRUSTED = "sagemaker.amazonaws.com"
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
UNKNOWN = {"InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException", "InvalidAccessKeyId"}
DENIED = {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation"}
LOGIN = "aws sso login (or: aws configure)"


@dataclass(frozen=True)
class Account:
    """`session` is boto3's; `number` the account's number; `role` an ARN; `bucket` a name."""

    session: Any
    region: str
    number: str
    role: str
    bucket: str

    def client(self, service: str) -> Any:
        """boto3's client of a service, patient with a network that stumbles."""
        return client(self.session, service)


def client(session: Any, service: str, region: str | None = None, attempts: int = 6) -> Any:
    """A client that tries again, at growing intervals, what failed for no fault of ours."""
    from botocore.config import Config

    patience = Config(retries={"mode": "standard", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=60)
    return session.client(service, region_name=region, config=patience)


def session(region: str | None) -> Any:
    """boto3's session in that region, else in the one that AWS's own files or the environment set.

    Raises:
        NotReady: no region is set, or the profile does not exist.
    """
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        made = boto3.Session(region_name=region)
    except ProfileNotFound as error:
        raise NotReady(f"AWS: {error}", command="aws configure list-profiles") from error
    if not made.region_name:
        raise NotReady(
            "AWS needs a region, and none is set",
            legal="mode.region=…, AWS_DEFAULT_REGION, or a region in ~/.aws/config",
            command="python src/train.py mode=cloud mode.region=us-east-1",
        )
    if made.region_name not in made.get_available_regions("sagemaker", _partition(made)):
        raise NotReady(
            f"mode.region={made.region_name} has no SageMaker",
            legal=", ".join(made.get_available_regions("sagemaker", _partition(made))),
            command="python src/train.py mode=cloud mode.region=us-east-1",
        )
    return made


def find(mode: Cloud) -> Account:
    """The account with a role and a bucket that a job can use.

    Raises:
        NotReady: credentials, region, role or bucket are missing, or not what a job needs.
    """
    made = session(mode.region)
    account = number(made)
    role = _role(made, mode.role)
    bucket = mode.bucket or f"sagemaker-{made.region_name}-{account}"
    _check_bucket(made, bucket, account)
    return Account(made, made.region_name, account, role, bucket)


def _partition(made: Any) -> str:
    return str(made.get_partition_for_region(made.region_name))


def number(made: Any) -> str:
    """The number of the account that the credentials belong to.

    Raises:
        NotReady: there are no credentials, or AWS does not take them.
    """
    with told("who the credentials belong to"):
        return str(client(made, "sts").get_caller_identity()["Account"])


def _role(made: Any, wanted: str | None) -> str:
    """The ARN of a role that SageMaker may take: the one that is set, else the project's own."""
    name = (wanted or ROLE).rpartition("/")[2]
    missing = NotReady(
        f"mode.role={name}: this AWS account has no such role",
        legal="a role that SageMaker may assume",
        command="mode.role=NAME, or make one as docs/cloud.md says",
    )
    with told(f"the role {name} (iam:GetRole)", {"NoSuchEntity": missing}):
        role = client(made, "iam").get_role(RoleName=name)["Role"]
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
        f"mode.bucket={bucket} belongs to another account, or s3:ListBucket on it is denied",
        legal="a bucket of yours",
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


@contextlib.contextmanager
def told(what: str, errors: dict[str, NotReady] | None = None) -> Iterator[None]:
    """Turn boto3's exceptions into one line each: `errors` are the lines of codes that mean something here.

    Raises:
        NotReady: AWS was not asked, did not answer, or refused.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise NotReady("AWS needs credentials, and there are none", command=LOGIN) from error
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if errors and code in errors:
            raise errors[code] from error
        if code in EXPIRED:
            raise NotReady("the AWS credentials have expired", command=LOGIN) from error
        if code in UNKNOWN:
            raise NotReady("AWS does not know these credentials", command=LOGIN) from error
        action = error.operation_name
        if code in DENIED:
            raise NotReady(
                f"{what}: AWS denies {action}", command="compare your policy with docs/aws/user-policy.json"
            ) from error
        message = error.response["Error"].get("Message", "")
        raise NotReady(
            f"{what}: {action}: {code}: {message}", command="try again, or aws sts get-caller-identity"
        ) from error
    except BotoCoreError as error:
        kind = type(error).__name__
        expired = "Token" in kind or "SSO" in kind
        line = "the AWS credentials have expired" if expired else f"{what}: AWS does not answer ({kind})"
        if "Checksum" in kind:
            line = f"{what}: other bytes arrive than are stored"
        raise NotReady(line, command=LOGIN if expired else "check the network, then the same again") from error


def knows(check: Callable[[], Any]) -> Any:
    """What `check` finds; None where AWS denies it or does not answer: for things that are good to know."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return check()
    except (BotoCoreError, ClientError):
        return None
