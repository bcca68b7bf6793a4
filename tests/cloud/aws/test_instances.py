"""Which instances there are, and which have GPUs."""

import pytest

from harness.cloud.aws import instances
from harness.contract.errors import SettingError


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
    with pytest.raises(
        SettingError,
        match=r"(is no instance type of SageMaker's|has no GPU that the framework here can use); legal: ml",
    ):
        instances.check(name)
