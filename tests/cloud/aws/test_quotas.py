"""Quotas: asked for by name once, by code from then on; warm pools have one of their own."""

import pytest

from harness.cloud.aws import quotas
from harness.cloud.aws.session import session
from harness.contract.errors import NotReady


@pytest.fixture(autouse=True)
def codes(tmp_path, monkeypatch):
    monkeypatch.setattr(quotas, "CODES", tmp_path / "cache" / "quota-codes.json")


def test_a_quota_is_listed_once_and_asked_for_by_its_code_afterwards(account):
    made = session("us-east-1")
    assert quotas.check(made, "ml.g5.xlarge", 2, spot=True).at_a_time(2) == 2
    listed = account.actions().count("servicequotas:ListServiceQuotas")
    assert listed >= 1
    account.quota = 9.0
    assert str(quotas.check(made, "ml.g5.xlarge", 1, spot=True)).endswith("spot training job usage: 9")
    assert account.actions().count("servicequotas:ListServiceQuotas") == listed
    assert account.actions().count("servicequotas:GetServiceQuota") == 1


def test_in_a_dry_run_nothing_is_remembered(account):
    quotas.check(session("us-east-1"), "ml.g5.xlarge", 1, spot=True, remember=False)
    assert not quotas.CODES.exists()


def test_a_warm_pool_that_the_account_may_not_keep_is_refused_before_anything_is_sent(account):
    made = session("us-east-1")
    with pytest.raises(NotReady, match=r"warm pool usage is 0, the job needs 1.*mode\.warm_pool_seconds=0"):
        quotas.check(made, "ml.g5.xlarge", 1, spot=False, warm=True)
    account.warm_quota = 1.0
    assert quotas.check(made, "ml.g5.xlarge", 1, spot=False, warm=True).allowed == 4


def test_what_may_not_be_asked_is_unknown(account):
    account.deny |= {"servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas"}
    assert quotas.check(session("us-east-1"), "ml.g5.xlarge", 1, spot=True).at_a_time(1) is None


@pytest.mark.parametrize("count", [4, 5])
def test_a_quota_is_held_against_the_number_of_instances(account, count):
    made = session("us-east-1")
    if count > 4:
        with pytest.raises(NotReady, match="training job usage is 4, the job needs 5"):
            quotas.check(made, "ml.g5.xlarge", count, spot=False)
    else:
        assert str(quotas.check(made, "ml.g5.xlarge", count, spot=False)).endswith("training job usage: 4")
