"""Runs side by side, differences first, whatever they measure."""

import dataclasses
import shutil

import pytest

from harness.contract.plan import Promise
from harness.evidence import comparison
from harness.evidence.band import Band
from harness.report import rows
from harness.runs import stored
from tests.support.plans import DATASET, DESCRIPTION
from tests.support.records import BIGRAMS, ENVIRONMENT, FOREST, completed, leave, plan_of, stage

BAND = Band(0.02, "a test")


def test_code_is_compared_as_a_diff_and_runs_without_records_too(tmp_path):
    first, second, third = leave(tmp_path, 0), leave(tmp_path, 1, seed=3), leave(tmp_path, 2, status=None)
    (second.code / "harness/__init__.py").write_text("changed = 1\n")
    found = [stored.read(each) for each in (first, second, third)]
    altered = dataclasses.replace(found[1].plan.experiment, code="0" * 64)
    found[1] = dataclasses.replace(found[1], plan=dataclasses.replace(found[1].plan, experiment=altered))
    told = comparison.code(found[0], found[1])
    assert any(line == "+changed = 1" for line in told) and "harness/__init__.py" in told[0]
    assert comparison.code(found[0], found[2]) == []
    shutil.rmtree(second.code)
    assert "kept no copy" in comparison.code(found[0], found[1])[0]
    rows = {row.name: row for _, rows in comparison.sections(found) for row in rows}
    assert rows["seed"].values == ("0", "3", "0") and rows["seed"].differs
    assert rows["status"].values == ("completed", "completed", "running")
    assert comparison.better(found, BAND) is None


def pair(runs, description, first, second, **changes):
    """Two completed runs of a program with these test values, the second with other settings."""
    found = []
    for number, value in enumerate((first, second)):
        planned = plan_of(description, minutes=number, depth=number, **changes)
        found.append(stored.read(stage(runs, planned, completed(planned, value))))
    return found


@pytest.mark.parametrize(
    ("description", "first", "second", "best", "gain"),
    [
        (DESCRIPTION, 0.50, 0.53, 1, "0.0300"),
        (FOREST, 12.0, 10.0, 1, "2 %"),
        (FOREST, 10.0, 12.5, 0, "2.5 %"),
        (BIGRAMS, 80.0, 95.0, 0, "15"),
    ],
)
def test_the_better_run_is_that_of_the_higher_accuracy_or_the_lower_error(
    tmp_path, description, first, second, best, gain
):
    runs = pair(tmp_path, description, first, second)
    assert comparison.better(runs, BAND).startswith(f"{runs[best].run_id} by {gain}: outside the noise of ")


def test_a_difference_is_noise_within_the_band_and_unknown_without_one(tmp_path):
    runs = pair(tmp_path, FOREST, 10.0, 10.5)
    assert "inside the noise of ±2 % (measured)" in comparison.better(runs, Band(2.0, "measured"))
    assert comparison.better(runs, Band(None, "nobody knows")).endswith("by 0.5 %: nobody knows")


def test_runs_of_other_data_or_decided_by_other_metrics_have_no_better_one(tmp_path):
    runs = pair(tmp_path / "one", FOREST, 10.0, 12.0)
    elsewhere = dataclasses.replace(
        runs[1].plan.experiment, dataset=dataclasses.replace(DATASET, hash=f"{'2' * 32}.dir")
    )
    other = dataclasses.replace(runs[1], plan=dataclasses.replace(runs[1].plan, experiment=elsewhere))
    assert "their test error does not compare" in comparison.better([runs[0], other], BAND)
    mixed = [runs[0], pair(tmp_path / "two", BIGRAMS, 80.0, 81.0)[0]]
    assert "decided by different metrics" in comparison.better(mixed, BAND)


def test_programs_and_their_metrics_stand_side_by_side(tmp_path):
    runs = [pair(tmp_path / "one", FOREST, 10.0, 12.0)[0], pair(tmp_path / "two", BIGRAMS, 80.0, 81.0)[0]]
    rows = {row.name: row.values for _, rows in comparison.sections(runs) for row in rows}
    assert rows["program"] == ("mine", "mine") and rows["framework"] == ("some framework 2.21.0",) * 2
    assert rows["test_error"] == ("10", "unknown") and rows["test_perplexity"] == ("unknown", "80")


def test_what_is_proven_of_each_stands_beside_it_on_the_fingerprint_that_it_had(tmp_path):
    planned = plan_of(FOREST)
    known = tuple(Promise("resume", status, mark * 64, "") for status, mark in (("proven", "8"), ("broken", "9")))
    planned = dataclasses.replace(planned, provenance=dataclasses.replace(planned.provenance, promises=known))
    found = []
    for number, mark in enumerate("897"):
        own = dataclasses.replace(planned, run_id=f"{planned.run_id}{number}")
        ended = dataclasses.replace(completed(own, 10.0), environment={**ENVIRONMENT, "fingerprint": mark * 64})
        found.append(stored.read(stage(tmp_path, own, ended)))
    found.append(stored.read(stage(tmp_path / "planned", planned, None)))
    told = {row.name: row.values for _, section in comparison.sections(found) for row in section}
    assert told["resume proven"] == ("proven", "broken", "unknown", "broken")
    assert told["replay proven"] == ("unknown",) * 4
    assert [rows.row_of(run).cells["resume proven"] for run in found] == ["proven", "broken", "unknown", "broken"]
