import pytest

from harness.cloud.aws import prices
from harness.contract.errors import SettingError


def product(usd, unit="Hrs", component="Training", kind="Training", name="ml.x", usage="", **terms):
    dimension = {"unit": unit, "pricePerUnit": {"USD": str(usd)}}
    on_demand = {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}}
    attributes = {"component": component, "instanceName": name, "platoinstancetype": kind, "usagetype": usage}
    return {"product": {"attributes": attributes}, "terms": terms or on_demand}


def usd(offers, name, spot=False):
    price = prices.choose(offers, name, spot)
    return price and price.usd


def test_the_price_is_the_one_for_training_by_the_hour_and_of_several_the_highest():
    offers = [product(0.5, component="Hosting"), product(0.01, unit="GB"), product(0), product(1.41), product(2.0)]
    assert usd(offers, "ml.x") == 2.0  # a cap must err upwards
    assert usd(offers, "ml.y") is None
    by_use = product(3, component="", name="", usage="USE1-Train:ml.y")
    assert prices.choose([by_use, *offers], "ml.y", False) == prices.Price(3, "USE1-Train:ml.y")
    assert usd([product(0.2, Reserved={})], "ml.x") is None


def test_spot_instances_have_a_rate_of_their_own():
    spot = product(1.4084, kind="SpotTraining", usage="USE2-SpotTraining:ml.x")
    offers = [product(1.2575, usage="USE2-Train:ml.x"), spot]
    assert (usd(offers, "ml.x"), usd(offers, "ml.x", spot=True)) == (1.2575, 1.4084)
    assert usd(offers[:1], "ml.x", spot=True) == 1.2575


def test_a_cap_becomes_time_at_the_price_of_all_instances():
    budget = prices.budget(1.5, 9.0, 2)
    assert (budget.usd_per_hour, budget.max_seconds) == (3.0, 3 * 3600 - prices.ENDING)
    assert budget.most == pytest.approx(9.0)


@pytest.mark.parametrize(("instances", "disk", "pool"), [(1, 0.0, 0), (2, 0.006, 0), (1, 0.006, 3600), (4, 0.1, 600)])
def test_what_a_job_costs_at_most_has_disks_the_end_and_the_warm_pool_in_it(instances, disk, pool):
    budget = prices.budget(1.41, 12.0, instances, disk, pool)
    billed = budget.max_seconds + prices.ENDING + pool
    assert 11.99 < billed / 3600 * instances * (1.41 + disk) <= 12.0
    assert budget.most == pytest.approx(billed / 3600 * instances * (1.41 + disk))


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
    assert least == pytest.approx(2.0 * instances * 13 / 60, abs=0.01)  # of ten minutes, and three that the end takes
