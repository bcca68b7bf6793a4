import json

import pytest

from harness.contract.errors import NotReady
from harness.runs import output, run_folder
from tests.support.plans import PLAN

FILES = {"harness/worker.py": b"pass\n", "requirements-train.lock": b"a==1\n"}


def test_a_staged_run_holds_plan_bundle_and_patch(tmp_path):
    run = run_folder.stage(tmp_path, PLAN, FILES, b"diff")
    assert run.path.name == PLAN.run_id
    assert json.loads(run.plan.read_text())["run_id"] == PLAN.run_id
    assert (run.code / "plan.json").read_bytes() == run.plan.read_bytes()
    assert (run.code / "harness" / "worker.py").read_bytes() == b"pass\n"
    assert run.patch.read_bytes() == b"diff"
    assert [path.name for path in tmp_path.iterdir()] == [PLAN.run_id]


def test_a_run_folder_is_never_overwritten(tmp_path):
    first = run_folder.stage(tmp_path, PLAN, FILES, b"")
    (first.path / "record.json").write_text("kept")
    with pytest.raises(NotReady, match=PLAN.run_id):
        run_folder.stage(tmp_path, PLAN, FILES, b"")
    assert (first.path / "record.json").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == [PLAN.run_id]


def test_a_folder_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotReady, match="runs_folder"):
        output.make_writable(tmp_path / "file" / "runs")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_asking_whether_a_folder_is_writable_leaves_it_empty(tmp_path):
    output.make_writable(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []
