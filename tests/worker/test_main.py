"""How the worker ends: a record always, and beside it the reason in the length that SageMaker keeps."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.contract import serial
from harness.contract.errors import RunFailed
from harness.contract.job_folder import JobFolder
from harness.worker import __main__ as worker
from tests.support.programs import planned


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[JobFolder]:
    """A job folder with a plan; the signal handler is put back."""
    before = signal.getsignal(signal.SIGTERM)
    job = JobFolder(tmp_path)
    job.code.mkdir(parents=True)
    (job.code / "plan.json").write_text(serial.dumps(planned("tiny")))
    yield job
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("error", "reason", "bug"),
    [
        (RunFailed("it is " + "long " * 400), "it is " + "long " * 399 + "long", False),
        (ValueError("two\n  lines"), "ValueError: two lines", True),
        (MemoryError(), "out of memory: MemoryError: ", True),
        (type("ResourceExhaustedError", (Exception,), {})("OOM"), "out of memory: ResourceExhaustedError: OOM", True),
    ],
    ids=["long", "bug", "memory", "gpu memory"],
)
def test_a_failed_training_leaves_its_reason_in_the_record_and_1024_characters_of_it_beside(
    folder: JobFolder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    reason: str,
    bug: bool,
) -> None:
    def train(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(worker, "train", train)
    assert worker.main(str(folder.base)) == 1
    record = json.loads(folder.record.read_text())
    assert (record["status"], record["reason"]) == ("failed", reason)
    assert folder.failure.read_text() == reason[:1024]
    printed = capsys.readouterr().out
    assert f"failed: {reason}\n" in printed and ("Traceback" in printed) == bug


def test_a_stop_ends_the_program_only_while_nothing_is_to_be_saved() -> None:
    stop = worker.Stop()
    with pytest.raises(RunFailed, match="stopped by SIGTERM"):
        stop(signal.SIGTERM, None)
    stop.orderly = True
    stop(signal.SIGTERM, None)
    assert stop.reason == "stopped by SIGTERM"
