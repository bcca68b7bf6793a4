"""What Comet is told of a run, by a stand-in that keeps each call."""

import dataclasses

import pytest

from harness.contract import record
from harness.tracking import logged
from tests.support.plans import DESCRIPTION, PLAN
from tests.support.records import BIGRAMS, FOREST, RESULTS, completed, plan_of, stage


class Kept:
    """An experiment that keeps what is logged."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple, dict]] = []

    def __getattr__(self, name):
        return lambda *args, **more: self.calls.append((name, args, more))

    def of(self, name):
        return [args[0] if args else more for called, args, more in self.calls if called == name]


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        (PLAN, ["local", "process", "cifar10", "resnet-8-v1", "dirty"]),
        (plan_of(FOREST), ["local", "process", "mine", "10-trees", "dirty"]),
        (plan_of(BIGRAMS, program="bigrams"), ["local", "process", "bigrams", "dirty"]),
    ],
)
def test_a_run_is_tagged_by_its_program_and_what_it_trains(planned, expected):
    assert logged.tags(planned) == expected


def test_metrics_are_logged_by_name_and_a_confusion_matrix_where_there_is_one(tmp_path):
    planned = plan_of(FOREST)
    run = stage(tmp_path / "one", planned, completed(planned, 12.5))
    kept = Kept()
    logged.log_plan(kept, run)
    logged.log_record(kept, run)
    assert {"test_error": 12.5} in kept.of("log_metrics") and not kept.of("log_confusion_matrix")
    (others,) = [each for each in kept.of("log_others") if "program" in each]
    assert (others["program"], others["about"]) == ("mine", "10 trees")

    planned = plan_of(DESCRIPTION)
    found = dataclasses.replace(completed(planned, 0.5), results=RESULTS)
    kept = Kept()
    logged.log_record(kept, stage(tmp_path / "two", planned, found))
    assert kept.of("log_confusion_matrix")[0]["matrix"] == [[30, 20], [30, 20]]
    assert kept.of("log_confusion_matrix")[0]["labels"] == ["cat", "dog"]
    assert {"test_accuracy": 0.5, "test_loss": 1.6} in kept.of("log_metrics")


def test_a_failed_run_is_logged_without_results(tmp_path):
    planned = plan_of(FOREST)
    run = stage(tmp_path, planned, record.of(planned, status="failed", reason="why"))
    kept = Kept()
    logged.log_record(kept, run)
    assert kept.of("log_others")[0] == {"status": "failed", "reason": "why"} and kept.of("add_tag") == ["failed"]
