"""What AWS's refusals mean: each is one line, with what to type."""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from harness.cloud.aws.session import login
from harness.contract.errors import NotReady

CODES = {
    "expired": {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"},
    "unknown": {"InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException", "InvalidAccessKeyId"},
    "denied": {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation"},
    "throttled": {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "SlowDown"),
        *("TooManyRequestsException", "RequestThrottled", "RequestThrottledException", "429", "503"),
    },
    "busy": {"ResourceLimitExceeded", "CapacityError", "InsufficientCapacityException"},
}
ELSEWHERE = re.compile(
    r"service control policy|resource control policy|permissions boundary|session policy|identity center"
)
LIMIT = re.compile(r"service limit '(?P<name>[^']+)' is (?P<limit>\d+) Instances?.* request delta of (?P<count>\d+)")
POLICY = "compare your policy with docs/aws/user-policy.json"


class Busy(NotReady):
    """AWS has no room for it now: the quota is used up, an instance is missing, or too much is asked at a time."""


def kind(error: BaseException) -> str:
    """What sort of refusal a boto3 exception is: a key of CODES, "prompt", or "silent" where AWS was not reached."""
    from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

    if isinstance(error, ClientError):
        code = str(error.response["Error"]["Code"])
        return next((name for name, codes in CODES.items() if code in codes), "other")
    name = type(error).__name__
    if isinstance(error, EOFError):  # botocore asked for a code, and there is no terminal
        return "prompt"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "none"
    if "Checksum" in name:
        return "altered"
    if name == "MissingDependencyException":
        return "dependency"
    return "expired" if "Token" in name or "SSO" in name or name.startswith("Login") else "silent"


@contextlib.contextmanager
def told(what: str, errors: dict[str, NotReady] | None = None) -> Iterator[None]:
    """Turn boto3's exceptions into one line each: `errors` are the lines of codes that mean something here.

    Raises:
        Busy: AWS has no room for it now.
        NotReady: AWS was not asked, did not answer, or refused.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if errors and code in errors:
            raise errors[code] from error
        raise refused(what, error.operation_name, code, error.response["Error"].get("Message", "")) from error
    except (BotoCoreError, EOFError) as error:
        raise _unanswered(what, error) from error


def refused(what: str, action: str, code: str, message: str) -> NotReady:
    """The line for an answer of AWS's that is an error."""
    sort = next((name for name, codes in CODES.items() if code in codes), "other")
    message = " ".join(message.split())
    if sort == "expired":
        return NotReady("the AWS credentials have expired", command=login())
    if sort == "unknown":
        legal = "valid keys; a region that is enabled for the account (aws account list-regions shows them)"
        return NotReady("AWS does not know these credentials", legal=legal, command=login())
    if sort == "denied":
        return NotReady(f"{what}: AWS denies {action}: {message or code}", command=_who_denies(message))
    if sort in ("busy", "throttled"):
        limit = LIMIT.search(message)
        if limit and int(limit["limit"]) < int(limit["count"]):  # waiting helps nothing
            how = "raise it at console.aws.amazon.com/servicequotas, or another mode.instance_type or mode.spot"
            needs = f"the account's quota of {limit['name']} is {limit['limit']}, the job needs {limit['count']}"
            return NotReady(needs, command=how)
        return Busy(f"{what}: {code}: {message}", command="the same again")
    return NotReady(f"{what}: {action}: {code}: {message}", command="try again, or aws sts get-caller-identity")


def _who_denies(message: str) -> str:
    if found := ELSEWHERE.search(message):
        return f"ask your administrator: it is a {found[0]} that denies it, not your own policy"
    if "kms:" in message:
        return "ask for the key's rights: docs/aws/kms-statement.json"
    return POLICY


def _unanswered(what: str, error: BaseException) -> NotReady:
    sort, name = kind(error), type(error).__name__
    if sort == "none":
        return NotReady("AWS needs credentials, and there are none", command=login())
    if sort == "expired":
        return NotReady("the AWS credentials have expired", command=login())
    if sort == "prompt":
        return NotReady("AWS asks for a code of multi-factor authentication, and there is no terminal", command=login())
    if sort == "dependency":
        return NotReady(
            "the profile was made by `aws login`, for which botocore lacks a library (awscrt)",
            legal="botocore[crt], or another kind of profile",
            command="python -m pip install awscrt, or aws configure sso --profile harness",
        )
    if sort == "altered":
        return NotReady(f"{what}: other bytes arrive than are stored", command="check the network, then the same again")
    return NotReady(f"{what}: AWS does not answer ({name})", command="check the network, then the same again")


def knows(check: Callable[[], Any]) -> Any:
    """What `check` finds; None where AWS denies it or does not answer: for things that are good to know."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return check()
    except (BotoCoreError, ClientError):
        return None
