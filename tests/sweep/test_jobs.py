"""What the jobs of a sweep share: one cap, and labels that tell them apart."""

import pytest

from harness.settings.schema import Cloud
from harness.sweep import jobs
from tests.support.verbs import composed


@pytest.mark.parametrize(("cap", "part"), [("12", 3.0), ("null", None)])
def test_each_job_may_cost_its_part_of_the_cap(cap: str, part: float | None) -> None:
    settings = composed("mode=cloud", f"mode.max_usd={cap}")
    shared = jobs.with_share(settings, 4)
    assert isinstance(shared.mode, Cloud) and shared.mode.max_usd == part
    assert jobs.with_share(composed("mode=local"), 4).mode.name == "local"


def test_a_job_is_called_by_the_settings_that_differ() -> None:
    configs = [
        {"seed": 0, "rate": 0.1, "size": 8},
        {"seed": 1, "rate": 0.1, "size": 8},
        {"seed": 1, "rate": 0.2, "size": 8},
    ]
    assert [jobs._label(configs, each) for each in configs] == ["seed=0 rate=0.1", "seed=1 rate=0.1", "seed=1 rate=0.2"]
    assert jobs._label(configs[:1], configs[0]) == "one of equals"
