"""What is tried where no instance comes, and what a month may cost."""

import dataclasses
from datetime import UTC, datetime

import pytest

from harness.cloud import cost, fallback
from harness.contract import record, serial
from harness.contract.errors import NotReady, SettingError
from harness.contract.record import Bill
from tests.support import away
from tests.support.verbs import composed

CAPACITY = "CapacityError: Unable to provision requested ML compute capacity."
FALLBACK = "mode.fallback=[ml.g4dn.xlarge,on-demand]"


def bill(seconds, usd=None):
    return Bill("job", "us-east-1", "Failed", 1, seconds, seconds, None, usd)


@pytest.fixture
def once(tmp_path):
    """Makes runs that end for these reasons, one after the other; None: completed. What each was made with."""
    made = []

    def begin(*reasons, trained=None):
        def run(settings):
            reason = reasons[len(made)]
            staged = away.stage(tmp_path / "runs", len(made))
            status = {"status": "failed", "reason": reason} if reason else {"status": "completed"}
            kept = record.of(staged.planned(), **status)
            staged.record.write_text(serial.dumps(dataclasses.replace(kept, bill=bill(trained))))
            made.append(settings.mode)
            return (1 if reason else 0), staged

        return run

    begin.made, begin.runs = made, tmp_path / "runs"
    return begin


def test_types_are_tried_in_their_order_then_on_demand_and_what_had_no_instance_leaves_nothing(once, capsys):
    waited = "no instance came within 5 minutes (mode.wait_minutes)"
    assert fallback.train(composed("mode=cloud", FALLBACK), once(waited, CAPACITY, None)) == 0
    assert [(each.instance_type, each.spot, each.preflight) for each in once.made] == [
        ("ml.g5.xlarge", True, True),
        ("ml.g4dn.xlarge", True, False),
        ("ml.g4dn.xlarge", False, False),
    ]
    assert len(list(once.runs.iterdir())) == 1
    assert "fallback  no instance came within 5 minutes" in capsys.readouterr().out


def test_a_run_that_trained_is_not_tried_elsewhere(once):
    assert fallback.train(composed("mode=cloud", FALLBACK), once("out of memory", trained=60)) == 1
    assert len(once.made) == 1 and len(list(once.runs.iterdir())) == 1


def test_the_last_one_waits_for_capacity_as_long_as_is_stated(once, monkeypatch, capsys):
    monkeypatch.setattr(fallback, "AGAIN", 0.0)
    assert fallback.train(composed("mode=cloud"), once(CAPACITY, CAPACITY, None)) == 0
    assert capsys.readouterr().out.count("waiting   CapacityError") == 2
    assert len(list(once.runs.iterdir())) == 1


@pytest.mark.parametrize("word", ["ml.p2.xlarge", "ml.m5.large"])
def test_what_cannot_stand_in_is_refused_before_anything_is_sent(word):
    with pytest.raises(SettingError, match=r"mode\.fallback="):
        fallback.check(composed("mode=cloud", f"mode.fallback=[{word}]").mode)


def test_what_is_left_of_a_month_caps_a_job_and_each_of_a_sweep(tmp_path):
    mode = composed("mode=cloud", "mode.max_usd=10", "mode.max_usd_month=20").mode
    runs = tmp_path / "runs"
    now = datetime.now(UTC)
    assert cost.capped(runs, mode).max_usd == 10
    done, sent, old = (away.stage(runs, number, usd_per_hour=3.0) for number in range(3))
    for run in (done, sent, old):
        run.cloud.write_text("{}")
    kept = record.of(done.planned(), status="completed")
    done.record.write_text(serial.dumps(dataclasses.replace(kept, bill=bill(100, 4.5))))
    old.path.rename(runs / old.path.name.replace(f"{now:%Y%m}", "202001"))
    # two hours and the end at three dollars, for the one whose bill is not there yet
    left = 20 - 4.5 - (7200 + 180) / 3600 * 3.0
    assert cost.left_of_month(runs, mode, now) == pytest.approx(left)
    assert cost.capped(runs, mode).max_usd == pytest.approx(left)
    assert cost.capped(runs, mode, 3).max_usd == pytest.approx(left / 3)
    spent = dataclasses.replace(mode, max_usd_month=4.0)
    with pytest.raises(SettingError, match=r"mode\.max_usd_month=4 is spent by this month's runs"):
        cost.capped(runs, spent)


def test_a_job_is_not_sent_where_others_have_spent_the_month_since_it_was_planned(tmp_path):
    mode = cost.capped(tmp_path / "runs", composed("mode=cloud", "mode.max_usd=10", "mode.max_usd_month=20").mode)
    cost.check_month(tmp_path / "runs", mode, 10.0)
    for number in (1, 2):
        other = away.stage(tmp_path / "runs", number, usd_per_hour=3.0)  # of two hours and the end
        other.cloud.write_text("{}")
        cost.check_month(tmp_path / "runs", mode, 20 - number * 6.15)
    with pytest.raises(NotReady, match=r"mode\.max_usd_month=20 has 7\.70 USD left by now; this job may cost 10\.00"):
        cost.check_month(tmp_path / "runs", mode, 10.0)


def test_the_warm_pool_of_a_job_that_ran_counts_and_one_that_never_began_costs_nothing(tmp_path):
    mode = composed("mode=cloud", "mode.max_usd=10", "mode.max_usd_month=20").mode
    for number, usd in enumerate((0.5, 0.0)):
        run = away.stage(tmp_path / "runs", number, usd_per_hour=3.0, warm_pool_seconds=3600)
        run.cloud.write_text("{}")
        kept = record.of(run.planned(), status="completed")
        run.record.write_text(serial.dumps(dataclasses.replace(kept, bill=bill(100, usd))))
    assert cost.left_of_month(tmp_path / "runs", mode, datetime.now(UTC)) == pytest.approx(20 - 0.5 - 3.0)
