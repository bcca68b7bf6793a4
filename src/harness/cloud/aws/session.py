"""boto3's sessions and clients: where credentials come from, and how patient a client is."""

import os
from pathlib import Path
from typing import Any

from harness.contract.errors import NotReady

# Where AWS's own command line keeps the credentials of an assumed role: a code that was typed for one counts for both,
# and for our child processes, which have no terminal to ask for another at.
CACHE = Path("~", ".aws", "cli", "cache")
CACHED = ("assume-role", "assume-role-with-web-identity")  # botocore's providers that take a cache


def fresh(region: str | None = None) -> Any:
    """A new session of boto3's, which reads credentials that have been renewed since, and asks for no code twice.

    Raises:
        botocore.exceptions.ProfileNotFound: as it says.
    """
    import boto3
    import botocore.session
    from botocore.utils import JSONFileCache

    core = botocore.session.get_session()
    providers = core.get_component("credential_provider")
    for name in CACHED:
        providers.get_provider(name).cache = JSONFileCache(str(CACHE.expanduser()))
    return boto3.Session(botocore_session=core, region_name=region)


def session(region: str | None) -> Any:
    """boto3's session in that region, else in the one that AWS's own files or the environment set.

    Raises:
        NotReady: no region is set, or the profile does not exist.
    """
    from botocore.exceptions import ProfileNotFound

    try:
        made = fresh(region)
    except ProfileNotFound as error:
        raise NotReady(f"AWS: {error}", command="aws configure list-profiles") from error
    if not made.region_name:
        raise NotReady(
            "AWS needs a region, and none is set",
            legal="mode.region=…, AWS_DEFAULT_REGION, or a region in ~/.aws/config",
            command="python src/train.py mode=cloud mode.region=us-east-1",
        )
    regions = made.get_available_regions("sagemaker", str(made.get_partition_for_region(made.region_name)))
    if made.region_name not in regions:
        raise NotReady(
            f"mode.region={made.region_name} has no SageMaker",
            legal=", ".join(regions),
            command="python src/train.py mode=cloud mode.region=us-east-1",
        )
    return made


def client(session: Any, service: str, region: str | None = None, attempts: int = 6, mode: str = "standard") -> Any:
    """A client that tries again, later each time, what failed for no fault of ours; `adaptive` also slows down."""
    from botocore.config import Config

    patience = Config(retries={"mode": mode, "total_max_attempts": attempts}, connect_timeout=10, read_timeout=60)
    return session.client(service, region_name=region, config=patience)


def login() -> str:
    """What to type so that the credentials in use are good again: by the kind of profile, and with its name.

    Where no profile is selected and there is no default one, the one to select comes first.
    """
    import botocore.session

    core = botocore.session.get_session()
    chosen = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    try:
        profiles = core.full_config["profiles"]
    except Exception:  # a file that cannot be parsed: what is wrong in it, `aws` says
        return "aws configure list"
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return (
            "new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or: unset them, then aws configure sso"
        )
    others = sorted(name for name in profiles if name != "default")
    name = chosen or ("default" if profiles.get("default", {}).keys() - {"region", "output"} else None)
    if name is None and others:
        return f"export AWS_PROFILE={others[0]} ({_profiles(others)}), then {_way(others[0], profiles[others[0]])}"
    if name is None or name not in profiles:
        return "aws configure sso --profile harness, then export AWS_PROFILE=harness (or, with keys: aws configure)"
    return _way(name, profiles[name])


def _profiles(names: list[str]) -> str:
    return f"there {'are' if len(names) > 1 else 'is'} {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"


def _way(name: str, profile: dict[str, Any]) -> str:
    """How one logs in to a profile."""
    if "sso_session" in profile or "sso_start_url" in profile:
        return f"aws sso login --profile {name}"
    if "login_session" in profile:
        return f"aws login --profile {name}"
    if "role_arn" in profile:
        return f"aws sts get-caller-identity --profile {name} (it asks for the code, which then counts here too)"
    return f"aws configure --profile {name}"
