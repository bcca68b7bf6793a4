"""How a job on SageMaker ended, and what SageMaker bills for it."""

from typing import Any

from harness.contract.plan import RunPlan
from harness.contract.record import Bill

LONGEST = "MaxRuntimeExceeded"
STOPPED = {
    LONGEST: "the job ran for as long as it may (MaxRuntimeExceeded): mode.max_usd sets that limit",
    "MaxWaitTimeExceeded": "no spot instance came in time (MaxWaitTimeExceeded): mode.spot=false does not wait for one",
}
WAITED = "NoInstanceCame"  # in a description: the minutes after which the watch stopped a job that had no instance
# How the reason of a run begins that never had an instance.
NO_INSTANCE = ("CapacityError", "ResourceLimitExceeded", "no spot instance came", "no instance came")


def judge(description: dict[str, Any]) -> str | None:
    """Why a job that is over is a failure, from SageMaker's description of it; None where it completed."""
    status, secondary = str(description["TrainingJobStatus"]), str(description.get("SecondaryStatus", ""))
    if status == "Completed":
        return None
    if WAITED in description:
        return f"no instance came within {description[WAITED]:g} minutes (mode.wait_minutes)"
    if secondary in STOPPED:
        return STOPPED[secondary]
    return str(description.get("FailureReason") or f"the job was stopped ({status})")


def bill(description: dict[str, Any], planned: RunPlan) -> Bill:
    """What SageMaker says of the time, and what that costs at the plan's price."""
    asked = planned.placement.cloud
    assert asked is not None
    ran, billed = description.get("TrainingTimeInSeconds"), description.get("BillableTimeInSeconds")
    price = asked.usd_per_hour
    if billed is None and "TrainingStartTime" not in description:
        billed = 0  # it never got an instance; SageMaker bills from that time on
    return Bill(
        job=description["TrainingJobName"],
        region=asked.region,
        status=description.get("SecondaryStatus", description["TrainingJobStatus"]),
        instances=description["ResourceConfig"]["InstanceCount"],
        training_seconds=ran,
        billable_seconds=billed,
        saving=round(1 - billed / ran, 4) if asked.spot and ran and billed is not None else None,
        usd=round(billed * price / 3600, 4) if billed is not None and price is not None else None,
    )
