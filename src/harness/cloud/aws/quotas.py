"""How many instances the account may use at a time, by Service Quotas."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cloud.aws.refusal import knows
from harness.cloud.aws.session import client
from harness.contract import atomic
from harness.contract.errors import NotReady
from harness.settings.project import ROOT

# A quota's code never changes. Its name alone cannot be asked for: SageMaker has some 2,250 in pages of a hundred.
CODES = ROOT / ".cache" / "quota-codes.json"
RAISE = "raise it at console.aws.amazon.com/servicequotas, or another mode.instance_type or mode.spot"


@dataclass(frozen=True)
class Quota:
    """`allowed` instances of a type may be in use at a time, for one purpose; None where that is unknown."""

    name: str
    allowed: float | None

    def at_a_time(self, count: int) -> int | None:
        """How many jobs of so many instances fit."""
        return None if self.allowed is None else int(self.allowed // count)

    def __str__(self) -> str:
        return f"quota of {self.name}: {'unknown' if self.allowed is None else f'{self.allowed:.0f}'}"


def check(session: Any, instance_type: str, count: int, spot: bool, warm: bool = False, remember: bool = True) -> Quota:
    """The account's quota for such jobs.

    Raises:
        NotReady: it is lower than `count`, or none may be kept warm and that is asked for.
    """
    quota = find(session, f"{instance_type} for {'spot training' if spot else 'training'} job usage", remember)
    pool = find(session, f"{instance_type} for training warm pool usage", remember) if warm else None
    for each in filter(None, (quota, pool)):
        if each.allowed is not None and each.allowed < count:
            what = f"the account's quota of {each.name} is {each.allowed:.0f}, the job needs {count}"
            raise NotReady(what, command=f"{RAISE}{', or mode.warm_pool_seconds=0' if each is pool else ''}")
    return quota


def find(session: Any, name: str, remember: bool = True) -> Quota:
    """A quota by its name; by its code where that is known from an earlier look."""
    codes: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        codes = json.loads(CODES.read_text())
    quotas = client(session, "service-quotas")

    def by_code() -> float | None:
        for operation in (quotas.get_service_quota, quotas.get_aws_default_service_quota):
            with contextlib.suppress(quotas.exceptions.NoSuchResourceException):
                found = operation(ServiceCode="sagemaker", QuotaCode=codes[name])["Quota"]
                return float(found["Value"]) if found["QuotaName"] == name else None
        return None

    def by_name() -> float | None:
        for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
            for page in quotas.get_paginator(operation).paginate(ServiceCode="sagemaker"):
                for quota in page["Quotas"]:
                    if quota["QuotaName"] == name:
                        if remember:
                            _remember(CODES, codes | {name: quota["QuotaCode"]})
                        return float(quota["Value"])
        return None

    value = knows(by_code) if name in codes else None
    return Quota(name, value if value is not None else knows(by_name))


def _remember(path: Path, codes: dict[str, str]) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        atomic.write(path, json.dumps(codes, indent=1, sort_keys=True) + "\n")
