"""Which runs are not resumed: those of other data, code, libraries or settings, and completed ones."""

import dataclasses
import sys
from pathlib import Path

import pytest

from harness.contract import bundle, plan, record, serial
from harness.contract.errors import NotReady, SettingError
from harness.planning import resume
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder
from tests.support.plans import DESCRIPTION, EXPERIMENT, NOW, PLACEMENT, PROVENANCE
from tests.support.records import CODE
from tests.support.verbs import composed

LOCK = bundle.lock_hash(CODE)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was stopped after a checkpoint."""
    experiment = dataclasses.replace(EXPERIMENT, code=bundle.code_hash(CODE), lock=LOCK)
    planned = plan.make(experiment, DESCRIPTION, PLACEMENT, PROVENANCE, NOW)
    staged = run_folder.stage(tmp_path, planned, CODE, b"a patch")
    (staged.checkpoints / "step-000000010.ckpt").write_bytes(b"")
    staged.record.write_text(serial.dumps(record.of(planned, status="failed", reason="stopped by SIGTERM")))
    return staged


def find(run: RunFolder, lock: str = LOCK) -> resume.Earlier:
    return resume.find(run.path.parent, run.path.name, lock)


def test_a_stopped_run_goes_on_with_its_own_code_and_state(run: RunFolder) -> None:
    earlier = find(run)
    assert (earlier.files, earlier.state.patch, earlier.state.git) == (CODE, b"a patch", PROVENANCE.git)
    earlier.check_data(earlier.plan.experiment.dataset)


def test_other_data_is_refused(run: RunFolder) -> None:
    other = dataclasses.replace(EXPERIMENT.dataset, hash=f"{'1' * 32}.dir")
    with pytest.raises(NotReady, match=f"trains on cifar-10 {EXPERIMENT.dataset.hash}, here is cifar-10 {other.hash}"):
        find(run).check_data(other)


@pytest.mark.parametrize("name", ["harness/__init__.py", "requirements-train.lock"])
def test_code_or_a_lock_that_was_edited_is_refused(run: RunFolder, name: str) -> None:
    (run.code / name).write_text("edited\n")
    with pytest.raises(NotReady, match="is not what the plan says any more"):
        find(run)


def test_other_libraries_are_refused(run: RunFolder) -> None:
    with pytest.raises(NotReady, match=r"made with other libraries than requirements-train\.lock names now"):
        find(run, "0" * 64)


def test_a_completed_run_is_refused_and_one_whose_record_is_torn_is_not(run: RunFolder) -> None:
    run.record.write_text("{")
    find(run)
    run.record.write_text(serial.dumps(record.of(run.planned(), status="completed")))
    with pytest.raises(NotReady, match="that run has completed"):
        find(run)


def test_a_run_without_a_checkpoint_is_refused(run: RunFolder) -> None:
    (run.checkpoints / "step-000000010.ckpt").unlink()
    (run.checkpoints / ".metrics.csv").write_text("epoch\n1\n")
    with pytest.raises(NotReady, match="that run left no checkpoint"):
        find(run)


@pytest.mark.parametrize("word", ["epochs=9", "scale=full", "program=cifar10", "experiment=tutorial"])
def test_other_settings_are_refused(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    settings = composed("mode.runner=process")
    monkeypatch.setattr(sys, "argv", ["src/train.py", "resume=x", "mode.runner=process"])
    resume.refuse_settings("x", settings)
    monkeypatch.setattr(sys, "argv", ["src/train.py", "resume=x", word])
    with pytest.raises(SettingError, match=f"resume=x takes {word.partition('=')[0]} from the run"):
        resume.refuse_settings("x", settings)
