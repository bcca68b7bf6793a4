"""What an hour costs, and what a cap in dollars means in hours. What is not known is None, never a guess."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.cloud.aws import account
from harness.contract.errors import SettingError

PRICE_LIST = "us-east-1"  # the region whose endpoint has the prices of all regions
LONGEST = 5 * 24 * 3600  # seconds: what SageMaker allows a training job by default
SHORTEST = 600  # seconds: an instance's start, the data, an epoch; a cap below it buys nothing


def per_hour(session: Any, instance_type: str, region: str) -> float | None:
    """On-demand dollars for an hour of training on one instance, from AWS's price list; None where it cannot be had."""

    def ask() -> float | None:
        pages = account.client(session, "pricing", PRICE_LIST).get_paginator("get_products")
        for field, value in (("instanceName", instance_type), ("component", "Training")):  # not every entry has a name
            filters = {"regionCode": region, field: value}
            wanted = [{"Type": "TERM_MATCH", "Field": name, "Value": given} for name, given in filters.items()]
            found = pages.paginate(ServiceCode="AmazonSageMaker", Filters=wanted)
            price = cheapest((json.loads(entry) for page in found for entry in page["PriceList"]), instance_type)
            if price is not None:
                return price
        return None

    found: float | None = account.knows(ask)
    return found


def cheapest(products: Iterable[dict[str, Any]], instance_type: str) -> float | None:
    """The lowest hourly on-demand price among parsed entries of the price list that are for training on it, or None.

    An entry says what it is for by its usage type, like `USE1-Train:ml.g5.xlarge`, or by name and component.
    """
    prices = []
    for product in products:
        attributes = product["product"]["attributes"]
        named = attributes.get("instanceName") == instance_type and attributes.get("component") == "Training"
        if not (named or attributes.get("usagetype", "").endswith(f"Train:{instance_type}")):
            continue
        for term in product["terms"].get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                usd = float(dimension["pricePerUnit"].get("USD", 0))
                if usd > 0 and dimension["unit"].lower() in ("hrs", "hours", "hour"):
                    prices.append(usd)
    return min(prices, default=None)


@dataclass(frozen=True)
class Budget:
    """What a job may cost: `usd_per_hour` is of all its instances together, on demand; None: unknown."""

    usd_per_hour: float | None
    max_usd: float | None
    max_seconds: int

    @property
    def most(self) -> float | None:
        """Dollars that the job costs at most."""
        return None if self.usd_per_hour is None else self.usd_per_hour * self.max_seconds / 3600


def budget(usd_per_hour: float | None, max_usd: float | None, instances: int) -> Budget:
    """The budget of one job on so many instances; `usd_per_hour` is of one.

    Raises:
        SettingError: there is a cap but no price to apply it by, or it buys less than the shortest useful run.
    """
    total = None if usd_per_hour is None else usd_per_hour * instances
    if max_usd is None:
        return Budget(total, None, LONGEST)
    if total is None:
        raise SettingError(
            f"mode.max_usd={max_usd:g} needs a price, and AWS's price list gave none",
            legal="mode.usd_per_hour=… (of one instance), or mode.max_usd=null (no cap)",
            command="python src/train.py mode=cloud mode.usd_per_hour=1.5",
        )
    seconds = int(min(LONGEST, max_usd / total * 3600))
    if seconds < SHORTEST:
        least = total * SHORTEST / 3600
        raise SettingError(
            f"mode.max_usd={max_usd:g} buys {seconds / 60:.1f} minutes at {total:.3f} USD an hour; "
            f"starting and one epoch take about {SHORTEST // 60}",
            legal=f"at least {least:.2f}",
            command=f"python src/train.py mode=cloud mode.max_usd={max(least * 6, 0.01):.2f}",
        )
    return Budget(total, max_usd, seconds)
