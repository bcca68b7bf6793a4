"""Instance types that SageMaker trains on: which there are, which have GPUs, how many one may start."""

import difflib
import re
from typing import Any

from harness.cloud.aws import account
from harness.contract.errors import NotReady, SettingError

# Trainium; GPUs older than the framework's code for them; the one processor that is not x86.
UNFIT = re.compile(r"ml\.(trn|inf|p2\.|p6e-gb200)")


def check(name: str) -> None:
    """Refuse what SageMaker does not know, or what the framework here cannot use; asks nobody.

    Raises:
        SettingError: as it says.
    """
    import botocore.session

    service = botocore.session.get_session().get_service_model("sagemaker")
    known: list[str] = service.shape_for("TrainingInstanceType").enum
    if name in known and not UNFIT.match(name):
        return
    close = difflib.get_close_matches(name, known, 3) or ["ml.g5.xlarge"]
    raise SettingError(
        f"mode.instance_type={name} is no instance type that this trains on",
        legal=f"{', '.join(close)}, … ({len(known)} types; not Trainium, p2, p6e-gb200)",
        command=f"python src/train.py mode=cloud mode.instance_type={close[0]}",
    )


def has_gpu(name: str) -> bool:
    """Whether instances of a type have NVIDIA GPUs: families p and g."""
    return re.match(r"ml\.[pg]\d", name) is not None


def check_quota(session: Any, name: str, count: int, spot: bool) -> str:
    """What AWS says of the account's quota, in words; unknown is said.

    Raises:
        NotReady: the quota is lower than `count`.
    """
    wanted = f"{name} for {'spot training' if spot else 'training'} job usage"

    def ask() -> float | None:
        for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
            pages = account.client(session, "service-quotas").get_paginator(operation).paginate(ServiceCode="sagemaker")
            for page in pages:
                for quota in page["Quotas"]:
                    if quota["QuotaName"] == wanted:
                        return float(quota["Value"])
        return None

    allowed = account.knows(ask)
    if allowed is None:
        return f"quota of {wanted}: unknown"
    if allowed < count:
        raise NotReady(
            f"the account's quota of {wanted} is {allowed:.0f}, the job needs {count}",
            command="raise it at console.aws.amazon.com/servicequotas, or another mode.instance_type or mode.spot",
        )
    return f"quota of {wanted}: {allowed:.0f}"
