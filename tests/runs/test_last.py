"""Which run is the last one."""

import os

from harness.runs import run_folder


def made(runs, name, written):
    (runs / name).mkdir()
    (runs / name / "plan.json").write_text("{}")
    os.utime(runs / name / "plan.json", (written, written))


def test_last_is_the_newest_by_time_and_not_one_from_a_clock_that_was_ahead(tmp_path):
    assert run_folder.last(tmp_path / "none") is None
    made(tmp_path, "29991231T235959Z-00000000", 5)
    assert run_folder.last(tmp_path) == "29991231T235959Z-00000000"
    made(tmp_path, "20260102T000000Z-00000000", 4)
    made(tmp_path, "20260102T000000Z-11111111", 3)
    made(tmp_path, "20260101T000000Z-ffffffff", 9)
    made(tmp_path, ".20260103T000000Z-ffffffff.1.part", 10)
    assert run_folder.last(tmp_path) == "20260102T000000Z-00000000"
