"""Which instances there are, which have GPUs, and how many an account may start."""

from typing import Any

import pytest

from harness.cloud.aws import account, instances
from harness.contract.errors import NotReady, SettingError


@pytest.mark.parametrize(
    ("name", "gpu"),
    [("ml.p4d.24xlarge", True), ("ml.p5.48xlarge", True), ("ml.g5.xlarge", True), ("ml.g6e.xlarge", True)]
    + [(name, False) for name in ("ml.m5.large", "ml.c5.xlarge", "ml.t3.medium", "ml.r5.large")],
)
def test_families_p_and_g_have_gpus(name: str, gpu: bool) -> None:
    instances.check(name)
    assert instances.has_gpu(name) is gpu


@pytest.mark.parametrize("name", ["ml.trn1.2xlarge", "ml.p2.xlarge", "ml.m5.larg", "g5.xlarge", ""])
def test_what_cannot_train_this_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match="is no instance type that this trains on; legal: ml"):
        instances.check(name)


class Quotas:
    """A client of the service that knows one quota."""

    def get_paginator(self, operation: str) -> "Quotas":
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        return [{"Quotas": [{"QuotaName": "ml.g5.xlarge for spot training job usage", "Value": 2.0}]}]


@pytest.mark.parametrize(
    ("count", "spot", "words"), [(2, True, "usage: 2"), (3, True, None), (3, False, "training job usage: unknown")]
)
def test_a_quota_is_held_against_the_number_of_instances(
    monkeypatch: pytest.MonkeyPatch, count: int, spot: bool, words: str | None
) -> None:
    monkeypatch.setattr(account, "client", lambda *_: Quotas())
    if words is None:
        with pytest.raises(NotReady, match="usage is 2, the job needs 3"):
            instances.check_quota(None, "ml.g5.xlarge", count, spot)
    else:
        assert instances.check_quota(None, "ml.g5.xlarge", count, spot).endswith(words)
