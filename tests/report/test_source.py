"""The table of a live report: a run is read again when it has changed, and only then."""

import dataclasses
import os
from pathlib import Path

import pytest

from benchmarks.generated_runs import one
from harness.contract import record, serial
from harness.report import rows
from harness.report.serve import Source
from harness.runs import index


def test_a_run_that_goes_on_is_read_again_and_others_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def counted(path: Path) -> rows.Row | str:
        read.append(path.name)
        return rows.row_of_folder(path)

    monkeypatch.setattr(rows, "KIND", dataclasses.replace(rows.KIND, read=counted))
    monkeypatch.setattr(index, "FRESH", -3600 * 10**9)  # files count as old as soon as they are written
    done, running = one(tmp_path, 0), one(tmp_path, 1, status=None)
    source = Source(tmp_path)

    def column(name: str) -> list[object]:
        return next(list(each["values"]) for each in source.table()["columns"] if each["name"] == name)

    assert column("status") == ["completed", "running"] and read == [done.path.name, running.path.name]
    assert column("status") == ["completed", "running"] and len(read) == 2
    running.metrics.write_text("epoch,train_loss\n1,0.5\n2,0.25\n")
    assert column("train_loss") == [None, 0.25] and read[2:] == [running.path.name]
    failed = record.of(running.planned(), status="failed", reason="why")
    running.record.write_text(serial.dumps(failed))
    assert column("status") == ["completed", "failed"]
    before = running.record.stat().st_mtime_ns
    running.record.write_text(serial.dumps(dataclasses.replace(failed, reason="who")))  # of equal size
    os.utime(running.record, ns=(before, before + 1))
    assert column("reason") == [None, "who"] and len(read) == 5
    third = one(tmp_path, 2)
    assert column("run") == [done.path.name, running.path.name, third.path.name] and len(read) == 6
