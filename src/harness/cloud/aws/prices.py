"""What an hour costs, and what a cap in dollars means in hours. What is not known is None, never a guess."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.cloud.aws.refusal import knows
from harness.cloud.aws.session import client
from harness.contract.errors import SettingError
from harness.settings.command_line import command_name

PRICE_LIST = "us-east-1"  # the region whose endpoint has the prices of all regions
LONGEST = 5 * 24 * 3600  # seconds: what SageMaker allows a training job by default
SHORTEST = 600  # seconds: an instance's start, the data, an epoch; a cap below it buys nothing
# Seconds after the longest running time that are billed too: two minutes in which the worker may end in order, and the
# upload of what it left.
ENDING = 180
MONTH = 730  # hours, as AWS counts them for disks
HOURS, GIGABYTES = ("hrs", "hours", "hour"), ("gb-mo", "gb-month")
DISK = "Train:VolumeUsage"  # in the usage type of the disks of training instances


@dataclass(frozen=True)
class Price:
    """Dollars for an hour of one instance, and what the price list calls that; None: typed, not looked up."""

    usd: float
    usage: str | None = None


def per_hour(session: Any, instance_type: str, region: str, spot: bool) -> Price | None:
    """The price of an hour of training on one instance, from AWS's price list; None where it cannot be had.

    Spot instances have a rate of their own, beside that fewer seconds of them are billed.
    """

    def ask() -> Price | None:
        for field, value in (("instanceName", instance_type), ("component", "Training")):  # not every entry has a name
            if found := choose(_products(session, {"regionCode": region, field: value}), instance_type, spot):
                return found
        return None

    price: Price | None = knows(ask)
    return price


def per_gigabyte(session: Any, region: str) -> float | None:
    """The price of an hour of a gigabyte of an instance's disk; None where it cannot be had."""

    def ask() -> float | None:
        products = _products(session, {"regionCode": region, "component": "Training"})
        disks = [each for each in products if DISK in each["product"]["attributes"].get("usagetype", "")]
        return max((usd / MONTH for each in disks for usd in _dollars(each, GIGABYTES)), default=None)

    price: float | None = knows(ask)
    return price


def choose(products: Iterable[dict[str, Any]], instance_type: str, spot: bool) -> Price | None:
    """The hourly price among parsed entries of the price list, or None: where several fit, the highest, since a cap
    must err upwards.

    An entry says what it is for by its usage type, like `USE1-Train:ml.g5.xlarge`, or by name and component; spot's is
    of platoinstancetype SpotTraining. Where spot has no entry, the on-demand price stands for it.
    """
    found: dict[bool, list[Price]] = {True: [], False: []}
    for product in products:
        attributes = product["product"]["attributes"]
        usage = attributes.get("usagetype", "")
        named = attributes.get("instanceName") == instance_type and attributes.get("component") == "Training"
        if not (named or usage.endswith((f"Train:{instance_type}", f"Training:{instance_type}"))):
            continue
        kind = f"{attributes.get('platoinstancetype', '')} {usage}".lower()
        found["spot" in kind] += [Price(usd, usage or None) for usd in _dollars(product, HOURS)]
    return max(found[spot] or found[False], key=lambda price: price.usd, default=None)


def _products(session: Any, filters: dict[str, str]) -> list[dict[str, Any]]:
    wanted = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()]
    pages = client(session, "pricing", PRICE_LIST).get_paginator("get_products")
    found = pages.paginate(ServiceCode="AmazonSageMaker", Filters=wanted)
    return [json.loads(entry) for page in found for entry in page["PriceList"]]


def _dollars(product: dict[str, Any], units: tuple[str, ...]) -> list[float]:
    """On-demand dollars by one of these units."""
    dimensions = [
        dimension
        for term in product["terms"].get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
        if dimension["unit"].lower() in units
    ]
    return [usd for each in dimensions if (usd := float(each["pricePerUnit"].get("USD", 0))) > 0]


@dataclass(frozen=True)
class Budget:
    """What a job may cost: `usd_per_hour` is of all its instances together; None: unknown.

    `disk_per_hour` is of all their disks; `pool_seconds` are those that the instances are kept after the job.
    """

    usd_per_hour: float | None
    max_usd: float | None
    max_seconds: int
    disk_per_hour: float = 0.0
    pool_seconds: int = 0

    @property
    def most(self) -> float | None:
        """Dollars that the job costs at most: instances and disks, to the end of what is billed, the pool included."""
        if self.usd_per_hour is None:
            return None
        return (self.usd_per_hour + self.disk_per_hour) * (self.max_seconds + ENDING + self.pool_seconds) / 3600


def budget(
    usd_per_hour: float | None, max_usd: float | None, instances: int, disk: float = 0.0, pool_seconds: int = 0
) -> Budget:
    """The budget of one job on so many instances; `usd_per_hour` and `disk` (dollars for an hour) are of one.

    Raises:
        SettingError: there is a cap but no price to apply it by, or it buys less than the shortest useful run.
    """
    total = None if usd_per_hour is None else usd_per_hour * instances
    if max_usd is None:
        return Budget(total, None, LONGEST, disk * instances, pool_seconds)
    if total is None:
        raise SettingError(
            f"mode.max_usd={max_usd:g} needs a price, and AWS's price list gave none",
            legal="mode.usd_per_hour=… (of one instance), or mode.max_usd=null (no cap)",
            command=f"{command_name()} mode=cloud mode.usd_per_hour=1.5",
        )
    rate, after = total + disk * instances, ENDING + pool_seconds
    seconds = int(min(LONGEST, max_usd / rate * 3600 - after))
    if seconds < SHORTEST:
        least = rate * (SHORTEST + after) / 3600
        pool = f" and {pool_seconds / 60:.0f} minutes of mode.warm_pool_seconds" if pool_seconds else ""
        raise SettingError(
            f"mode.max_usd={max_usd:g} buys {max_usd / rate * 60:.1f} minutes at {rate:.3f} USD an hour; starting, one "
            f"epoch and the end take about {(SHORTEST + ENDING) // 60}{pool}",
            legal=f"at least {least + 0.005:.2f}",
            command=f"{command_name()} mode=cloud mode.max_usd={max(least * 6, 0.01):.2f}",
        )
    return Budget(total, max_usd, seconds, disk * instances, pool_seconds)
