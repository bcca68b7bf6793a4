import json
import zlib

import pytest

from harness.contract.errors import NotReady
from harness.runs import checkpoints, output, run_folder
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


def test_a_run_folder_that_cannot_be_filled_is_not_there(tmp_path, monkeypatch):
    def full(files, folder):
        folder.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_folder.bundle, "write", full)
    with pytest.raises(NotReady, match=f"{PLAN.run_id} cannot be written: No space"):
        run_folder.stage(tmp_path, PLAN, FILES, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_has_no_name_until_it_is_whole(tmp_path, monkeypatch):
    seen = []
    copy = run_folder.checkpoint_files.copy

    def looked(folder, target):
        seen.append((tmp_path / PLAN.run_id).exists())
        copy(folder, target)

    monkeypatch.setattr(run_folder.checkpoint_files, "copy", looked)
    run_folder.stage(tmp_path, PLAN, FILES, b"")
    assert seen == [False]


def test_a_staged_run_holds_blocks_back_for_its_record(tmp_path):
    run = run_folder.stage(tmp_path, PLAN, FILES, b"")
    content = run.reserve.read_bytes()
    assert len(content) == run.reserve.stat().st_blocks * 512 == run_folder.RESERVE == 262144
    assert len(zlib.compress(content)) > 0.99 * len(content)  # nor could a file system that compresses save them


def test_a_run_that_resumes_has_copies_of_the_checkpoints(tmp_path):
    (earlier := tmp_path / "earlier").mkdir()
    for name in ("step-000000001.ckpt", ".metrics.csv", ".step-000000002.ckpt.5.part"):
        (earlier / name).write_text(name)
    run = run_folder.stage(tmp_path / "runs", PLAN, FILES, b"", earlier)
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [".metrics.csv", "step-000000001.ckpt"]
    assert [path.name for path in checkpoints.files(run.checkpoints)] == ["step-000000001.ckpt"]
    (run.checkpoints / "step-000000001.ckpt").write_text("other")
    assert (earlier / "step-000000001.ckpt").read_text() == "step-000000001.ckpt"
