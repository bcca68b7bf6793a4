"""How a job ended and what it is billed, by SageMaker's own description."""

import dataclasses
from typing import Any

import pytest

from harness.cloud import outcome
from harness.contract import plan
from tests.support import programs
from tests.support.programs import PLACEMENT

AWAY = plan.Cloud("us-east-1", True, True, 0, 30, 7200, 10.0, 3.6, None, "project", None)


def described(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "job",
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ResourceConfig": {"InstanceCount": 2},
        "TrainingTimeInSeconds": 1000,
        "BillableTimeInSeconds": 400,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"TrainingJobStatus": "Failed", "FailureReason": "no memory"}, "no memory"),
        ({"TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped"}, "the job was stopped (Stopped)"),
        ({"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}, "mode.max_usd sets that limit"),
        ({"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxWaitTimeExceeded"}, "mode.spot=false does not wait"),
    ],
)
def test_only_a_completed_job_is_no_failure(changes: dict[str, Any], reason: str | None) -> None:
    judged = outcome.judge(described(**changes))
    assert judged is None if reason is None else reason in str(judged)


@pytest.mark.parametrize(
    ("changes", "away", "saving", "usd"),
    [
        ({}, {}, 0.6, 0.4),
        ({}, {"spot": False}, None, 0.4),
        ({}, {"usd_per_hour": None}, 0.6, None),
        ({"BillableTimeInSeconds": 0}, {}, 1.0, 0.0),
        ({"TrainingTimeInSeconds": None, "BillableTimeInSeconds": None, "TrainingStartTime": 1.0}, {}, None, None),
        ({"TrainingTimeInSeconds": None, "BillableTimeInSeconds": None}, {}, None, 0.0),  # it never began
    ],
)
def test_a_bill_is_of_the_time_that_was_billed_at_the_plans_price(
    changes: dict[str, Any], away: dict[str, Any], saving: float | None, usd: float | None
) -> None:
    placement = dataclasses.replace(PLACEMENT, mode="cloud", cloud=dataclasses.replace(AWAY, **away))
    bill = outcome.bill(described(**changes), programs.planned("tiny", placement=placement))
    assert (bill.saving, bill.usd, bill.instances, bill.job) == (saving, usd, 2, "job")
