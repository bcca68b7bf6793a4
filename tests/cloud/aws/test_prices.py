import pytest

from harness.cloud.aws import prices
from harness.contract.errors import SettingError


def product(usd, unit="Hrs", component="Training", **terms):
    dimension = {"unit": unit, "pricePerUnit": {"USD": str(usd)}}
    on_demand = {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}}
    return {"product": {"attributes": {"component": component, "instanceName": "ml.x"}}, "terms": terms or on_demand}


def test_the_price_is_the_on_demand_one_for_training_by_the_hour():
    offers = [product(0.5, component="Hosting"), product(0.01, unit="GB"), product(0), product(1.41), product(2.0)]
    assert prices.cheapest(offers, "ml.x") == 1.41
    assert prices.cheapest(offers, "ml.y") is None
    by_use = {"product": {"attributes": {"usagetype": "USE1-Train:ml.y"}}, "terms": product(3)["terms"]}
    assert prices.cheapest([by_use, *offers], "ml.y") == 3
    assert prices.cheapest([product(0.2, Reserved={})], "ml.x") is None


def test_a_cap_becomes_time_at_the_price_of_all_instances():
    budget = prices.budget(1.5, 9.0, 2)
    assert (budget.usd_per_hour, budget.max_seconds, budget.most) == (3.0, 3 * 3600, 9.0)


def test_without_a_cap_sagemakers_own_limit_holds():
    five_days = 432_000  # "Maximum allowed run time" of a training job, unless AWS raises an account's quota
    assert prices.budget(None, None, 1) == prices.Budget(None, None, five_days)
    assert prices.budget(None, None, 1).most is None
    assert prices.budget(0.001, 1000.0, 1).max_seconds == five_days


def test_a_cap_without_a_price_is_refused():
    with pytest.raises(SettingError, match=r"needs a price.*mode\.usd_per_hour"):
        prices.budget(None, 5.0, 1)


@pytest.mark.parametrize("instances", [1, 4])
def test_a_cap_below_the_shortest_useful_run_is_refused_and_the_least_one_is_taken(instances):
    with pytest.raises(SettingError, match=r"buys .* minutes.*legal: at least") as caught:
        prices.budget(2.0, 0.05, instances)
    least = float(caught.value.legal.rpartition(" ")[2])
    assert prices.budget(2.0, least + 0.01, instances).max_seconds >= 600
    assert least == pytest.approx(2.0 * instances / 6, abs=0.01)  # of ten minutes
