"""What the child that feeds Comet says of it holds no key."""

import json
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.tracking import __main__ as copies
from harness.tracking import key as comet_key

KEY = "planted0comet0key0of0the0tests00"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder, and a process in which nothing ends, or stays changed."""
    (tmp_path / "comet").mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(tmp_path / "scratch"))
    monkeypatch.setattr(os, "nice", lambda by: None)
    monkeypatch.setattr(copies, "End", lambda scratch: None)
    for name in ("stdout", "stderr"):  # put back afterwards
        monkeypatch.setattr(sys, name, getattr(sys, name))
    return tmp_path


def test_a_complaint_of_comets_is_told_without_the_key(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(kind: str, key: str, project: str, workspace: str, scratch: Path, stream: Any, complaints: Any) -> Any:
        stream.secret = KEY
        record = logging.LogRecord("comet", logging.ERROR, "", 0, f"the key  {KEY}\n is invalid", None, None)
        complaints.emit(record)
        return SimpleNamespace(alive=False)

    monkeypatch.setattr(copies, "start", start)
    copies.main("online", str(run), "k", "p", "")
    told = json.loads((run / "comet" / "online.json").read_text())
    assert told == {"done": False, "url": None, "why": "the key [secret] is invalid"}
    assert not (run / "scratch").exists()


def test_what_goes_wrong_is_told_and_printed_without_the_key(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(kind: str, key: str, project: str, workspace: str, scratch: Path, stream: Any, complaints: Any) -> Any:
        stream.secret = KEY
        print(f"Comet says {KEY}")
        raise ValueError(f"no such key: {KEY}")

    monkeypatch.setattr(copies, "start", start)
    copies.main("online", str(run), "k", "p", "")
    assert KEY not in (run / "comet" / "online.json").read_text()
    printed = capsys.readouterr().err
    assert "Comet says [secret]" in printed and "no such key: [secret]" in printed and KEY not in printed


def test_each_run_has_an_experiment_of_its_own() -> None:
    keys = {comet_key.experiment_key(f"20260101T00000{number}Z-00000000") for number in range(5)}
    assert len(keys) == 5 and all(len(key) == 40 and key.isalnum() for key in keys)
