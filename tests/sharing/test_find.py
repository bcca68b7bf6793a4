"""A run by any name is the one that its plan says, with the record of that plan."""

import dataclasses
import json
from pathlib import Path

import pytest

from harness.contract import serial
from harness.contract.errors import NotReady
from harness.runs.run_folder import RunFolder
from harness.sharing import find
from tests.support.records import FOREST, completed, plan_of, stage


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    planned = plan_of(FOREST, size=1)
    return stage(tmp_path / "runs", planned, completed(planned, 12.5))


def test_a_record_of_another_plan_is_refused(run: RunFolder, tmp_path: Path) -> None:
    planned = plan_of(FOREST, minutes=5, size=2)
    other = stage(tmp_path / "runs", planned, completed(planned, 10.0))
    assert find.find(tmp_path / "runs", run.path.name, tmp_path).record is not None
    run.record.write_bytes(other.record.read_bytes())
    with pytest.raises(NotReady, match=f"{run.path.name} cannot be replayed: its record is of another plan"):
        find.find(tmp_path / "runs", run.path.name, tmp_path)


@pytest.mark.parametrize("edited", ["config", "experiment_id"])
def test_a_plan_that_was_edited_is_refused(run: RunFolder, tmp_path: Path, edited: str) -> None:
    plan = json.loads(run.plan.read_text())
    if edited == "config":
        plan["experiment"]["config"]["size"] = 3
    else:
        plan["experiment_id"] = "0" * 64
    run.plan.write_text(json.dumps(plan))
    with pytest.raises(NotReady, match="its plan was changed after it was made"):
        find.find(tmp_path / "runs", run.path.name, tmp_path)


@pytest.mark.parametrize(
    ("status", "own", "expected"),
    [("failed", False, None), ("failed", True, "failed"), ("completed", False, "completed")],
)
def test_a_plan_alone_gets_its_own_record_or_that_of_a_completed_run(
    tmp_path: Path, status: str, own: bool, expected: str | None
) -> None:
    planned = plan_of(FOREST, size=1)
    record = dataclasses.replace(completed(planned, 12.5), status=status, reason="why" if status == "failed" else None)
    stage(tmp_path / "runs", planned, record)
    (tmp_path / "plan.json").write_text(serial.dumps(planned if own else plan_of(FOREST, minutes=9, size=1)))
    (tmp_path / "scratch").mkdir()
    found = find.find(tmp_path / "runs", str(tmp_path / "plan.json"), tmp_path / "scratch")
    assert (found.record.status if found.record else None) == expected
