"""Settings of CIFAR-10's training that do not go together."""

from dataclasses import replace

import pytest

from harness.contract.errors import SettingError
from programs.cifar10.settings import Training, check, nearest_depth
from tests.support.verbs import composed


@pytest.fixture(scope="module")
def settings() -> Training:
    training: Training = composed("batch_size=128", "epochs=10", "warmup_epochs=1", "small_epochs=0").training
    return training


@pytest.mark.parametrize(
    ("changes", "workers", "complaint"),
    [
        ({"batch_size": 128}, 3, "batch_size=128 does not go into mode.instance_count=3 equal parts"),
        ({"batch_size": 2}, 4, "batch_size=2 does not go into mode.instance_count=4 equal parts"),
        ({"xla": True}, 2, "xla=true cannot compile a step that mode.instance_count=2 workers share"),
        ({"warmup_epochs": 11.0}, 1, "warmup_epochs=11.0 is longer than epochs=10"),
        ({"small_epochs": 10.5}, 1, "small_epochs=10.5 is longer than epochs=10"),
    ],
)
def test_each_is_named_with_the_other(
    settings: Training, changes: dict[str, float | bool], workers: int, complaint: str
) -> None:
    for legal in (1, 2, 4, 128):
        check(settings, legal)
    check(replace(settings, xla=True, warmup_epochs=10.0), 1)
    with pytest.raises(SettingError) as error:
        check(replace(settings, **changes), workers)  # type: ignore[arg-type]
    assert str(error.value).startswith(complaint)


@pytest.mark.parametrize(("wrong", "near"), [(50, 50), (51, 50), (54, 56), (1, 8), (9999, 1202), ("x", 20)])
def test_the_nearest_depth_is_suggested(wrong: object, near: int) -> None:
    assert nearest_depth(wrong) == near
