"""What Comet is told of a run, by a stand-in that keeps each call."""

import dataclasses

import pytest

from harness.contract import record
from harness.contract.plan import Promise
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


def test_what_was_proven_of_the_program_is_logged(tmp_path):
    planned = plan_of(FOREST)
    proven = tuple(Promise(name, status, "8" * 64, "") for name, status in (("replay", "proven"), ("resume", "broken")))
    planned = dataclasses.replace(planned, provenance=dataclasses.replace(planned.provenance, promises=proven))
    kept = Kept()
    logged.log_plan(kept, stage(tmp_path, planned, None))
    (others,) = [each for each in kept.of("log_others") if "program" in each]
    assert (others["promise/replay/88888888"], others["promise/resume/88888888"]) == ("proven", "broken")


def test_a_failed_run_is_logged_without_results(tmp_path):
    planned = plan_of(FOREST)
    run = stage(tmp_path, planned, record.of(planned, status="failed", reason="why"))
    kept = Kept()
    logged.log_record(kept, run)
    assert kept.of("log_others")[0] == {"status": "failed", "reason": "why"} and kept.of("add_tag") == ["failed"]


def test_tags_say_what_makes_a_run_no_plain_one():
    data = dataclasses.replace(PLAN.experiment.dataset, sample=True)
    git = dataclasses.replace(PLAN.provenance.git, dirty=False)
    provenance = dataclasses.replace(PLAN.provenance, git=git, sweep="mine", replays="20260101T000000Z-1")
    experiment = dataclasses.replace(PLAN.experiment, dataset=data)
    tags = logged.tags(dataclasses.replace(PLAN, experiment=experiment, provenance=provenance))
    assert tags[4:] == ["sample-data", "sweep:mine", "replay-of:20260101T000000Z-1"]


def test_an_epoch_is_logged_at_its_step():
    kept = Kept()
    logged.log_epoch(kept, {"epoch": 2.0, "step": 20.0, "train_loss": 1.5})
    assert kept.calls == [("log_metrics", ({"train_loss": 1.5},), {"step": 20, "epoch": 2})]
