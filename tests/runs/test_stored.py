import json

import pytest

from harness.contract.errors import NotReady
from harness.runs import stored
from tests.support.records import leave


def test_all_runs_are_read_oldest_first_and_a_broken_one_is_named(tmp_path):
    runs = [leave(tmp_path, minutes, status=status) for minutes, status in enumerate(("completed", "failed", None))]
    broken = leave(tmp_path, 9)
    broken.record.write_text("{")
    found, unreadable = stored.everything(tmp_path)
    assert [each.folder for each in found] == runs
    assert [each.status for each in found] == ["completed", "failed", stored.RUNNING]
    assert found[0].epochs == ({"epoch": 1.0, "step": 10.0, "train_loss": 0.5, "weights": "00ff"},)
    assert len(unreadable) == 1 and str(broken.path) in unreadable[0]


def test_a_run_is_found_by_id_beginning_folder_and_as_the_last(tmp_path):
    first, second = leave(tmp_path, 0), leave(tmp_path, 5)
    for name in (first.path.name, first.path.name[:14], str(first.path)):
        assert stored.named(tmp_path, name).folder.path.samefile(first.path)
    assert stored.named(tmp_path, "last").run_id == second.path.name
    with pytest.raises(NotReady, match="2 runs"):
        stored.named(tmp_path, "2026")
    with pytest.raises(NotReady, match="no such run"):
        stored.named(tmp_path, "1999")


def test_a_plan_of_another_version_is_refused_by_name(tmp_path):
    run = leave(tmp_path)
    run.plan.write_text(json.dumps({**json.loads(run.plan.read_text()), "novel": 1}))
    with pytest.raises(NotReady, match="novel"):
        stored.read(run)
