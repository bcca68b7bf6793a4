"""What is still to be uploaded, whatever became of its state."""

import json
import os
import shutil
import subprocess
import time

import pytest

from harness.tracking import child, sync
from tests.support import tiny


def made(runs, number, state, record=True, age=3600.0):
    folder = runs / f"20260101T00000{number}Z-0000000{number}"
    (folder / "comet").mkdir(parents=True)
    (folder / "plan.json").write_text("{}")
    if record:
        (folder / "record.json").write_text("{}")
    (folder / "comet" / "key.zip").write_bytes(b"zip")
    os.utime(folder / "comet" / "key.zip", (time.time() - age, time.time() - age))
    if state is not None:
        (folder / "comet" / "state.json").write_text(state)
    return folder.name


GOOD = {"archive": "key.zip", "upload": "comet upload key.zip", "url": None}
BAD = {
    "torn": '{"upload": ',
    "a list": "[]",
    "deep": "[" * 100_000,
    "odd types": json.dumps({**GOOD, "upload": True}),
    "no archive": json.dumps({"upload": "comet upload x"}),
    "an archive elsewhere": json.dumps({**GOOD, "archive": "../../outside.zip"}),
    "an absolute archive": json.dumps({**GOOD, "archive": "/etc/passwd"}),
    "an odd address": json.dumps({**GOOD, "url": []}),
    "no text": "\ud800",
}


@pytest.mark.parametrize("label", BAD)
def test_a_bad_state_hides_no_other_run(tmp_path, label):
    (tmp_path / "outside.zip").write_bytes(b"x")
    if label == "no text":
        bad = made(tmp_path, 1, "")
        (tmp_path / bad / "comet" / "state.json").write_bytes(b"\xff\xfe")
    else:
        made(tmp_path, 1, BAD[label])
    good = made(tmp_path, 2, json.dumps(GOOD))
    assert [each.run_id for each in sync.pending(tmp_path)] == [good]


def test_the_archive_of_a_program_that_was_killed_is_not_forgotten(tmp_path):
    orphan = made(tmp_path, 1, None)
    made(tmp_path, 2, None, record=False)  # may still be running
    made(tmp_path, 3, None, age=1.0)  # its program may be about to write the state
    (pending,) = sync.pending(tmp_path)
    assert pending.run_id == orphan and pending.archive.exists() and pending.state["upload"] == "comet upload key.zip"


def test_a_child_runs_from_a_folder_with_a_colon(tmp_path, monkeypatch):
    root = tiny.copy_source(tmp_path / "a:b")
    monkeypatch.setattr(child, "__file__", str(root / "src" / "harness" / "tracking" / "child.py"))
    (root / "src" / "harness" / "tracking" / "probe.py").write_text("import sys\nprint(__file__, sys.argv[1:])\n")
    done = subprocess.run([*child.module("harness.tracking.probe"), "x"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{root}/src/harness/tracking/probe.py ['x']\n"
    shutil.rmtree(root)
