"""What must hold before money is spent, and what is said of it."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cloud import code, cost, preflight, spot, trial
from harness.cloud.aws.images import Image
from harness.cloud.aws.prices import ENDING, Budget
from harness.contract import plan, program, record, serial
from harness.contract.errors import DataError, NotReady
from harness.contract.plan import DatasetId, Git, Promise
from harness.data.obtain import Obtained
from harness.launch.runner import Ended
from harness.provenance.repository import GitState
from harness.runs import run_folder
from harness.settings.schema import Cloud
from tests.support import programs
from tests.support.plans import GIT
from tests.support.programs import PLACEMENT
from tests.support.tiny import PROGRAM
from tests.support.verbs import composed

AWAY = plan.Cloud("us-east-1", True, True, 0, 30, 7200, 10.0, 3.6, None, "project", None)
THERE = dataclasses.replace(PLACEMENT, mode="cloud", instance_type="ml.g5.xlarge", cloud=AWAY)


def state(git: Git | None = GIT, unknown: tuple[str, ...] = (), **changes: Any) -> GitState:
    clean = {"dirty": False, "pushed": True, **changes}
    return GitState(git and dataclasses.replace(git, **clean), b"", (), unknown)


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (state(None), "this is no git repository with a commit"),
        (state(None, ("the repository has no commit yet",)), "the repository has no commit yet"),
        (state(dirty=True), "there is uncommitted work"),
        (state(dirty=None), "not known: whether there is uncommitted work"),
        (state(unknown=("git: a damaged index",)), "not known: git: a damaged index"),
        (state(pushed=False), "is on no remote that is known here"),
        (state(pushed=None), "is on no remote that is known here"),
    ],
)
def test_code_that_nobody_could_find_again_is_not_sent(found: GitState, complaint: str) -> None:
    code.check_code(state(), allow_dirty=False)
    code.check_code(found, allow_dirty=True)
    with pytest.raises(NotReady, match=f"mode=cloud: .*{complaint}"):
        code.check_code(found, allow_dirty=False)


@pytest.mark.parametrize(
    ("typed", "yes"), [("y", True), (" YES\n", True), ("", False), ("n", False), ("yy", False), ("ja", False)]
)
def test_the_job_is_started_by_a_plain_yes_alone(monkeypatch: pytest.MonkeyPatch, typed: str, yes: bool) -> None:
    monkeypatch.setattr("builtins.input", lambda question: typed)
    cost.agree(True)
    if yes:
        cost.agree(False)
    else:
        with pytest.raises(NotReady, match="not started; nothing was sent"):
            cost.agree(False)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny program, which is not among those of src/."""
    monkeypatch.setattr(program, "load", lambda name: PROGRAM)


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> preflight.SageMakerTarget:
    """A target of which no trial is made."""
    settings = dataclasses.replace(composed("mode=cloud"), runs_folder=str(tmp_path))
    monkeypatch.setattr(program, "load", lambda name: PROGRAM)
    monkeypatch.setattr(trial, "run", lambda *_: None)
    nothing: Any = None
    budget, mode = Budget(1.0, None, 10), settings.mode
    assert isinstance(mode, Cloud)
    return preflight.SageMakerTarget(THERE, settings, print, nothing, nothing, Image("", "", ""), "", budget, mode)


def test_the_sample_is_not_trained_on_at_a_price(target: preflight.SageMakerTarget) -> None:
    planned = programs.planned("tiny", placement=THERE)
    data = DatasetId("sample", f"{'1' * 32}.dir", 1, False, ())
    target.try_here(planned, {}, Obtained(Path(), data, "", ()))
    with pytest.raises(DataError, match="mode=cloud does not train on the sample"):
        target.try_here(planned, {}, Obtained(Path(), dataclasses.replace(data, sample=True), "", ()))


@pytest.mark.parametrize(
    ("status", "word", "wanted"),
    [
        ("proven", None, True),
        ("broken", None, False),
        (None, None, False),
        (None, "mode.spot=true", True),
        (None, "mode.spot=false", False),
    ],
)
def test_spot_is_for_programs_that_resume_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, status: str | None, word: str | None, wanted: bool
) -> None:
    known = (Promise("resume", status, "1" * 64, ""),) if status else ()
    monkeypatch.setattr(spot.proven, "known", lambda *_: known)
    settings = composed("mode=cloud", *([word] if word else ["mode.spot=true"]))
    monkeypatch.setattr(sys, "argv", ["src/train.py", "mode=cloud", *filter(None, [word])])
    assert isinstance(settings.mode, Cloud)
    found = spot.resume(settings, settings.mode)
    assert found.mode.spot is wanted
    words = found.in_words(Budget(2.0, 10.0, 18000 - ENDING))
    assert words.startswith(status or "unknown")
    assert ("up to 10.00 USD" in words) is (status != "proven")
    assert "USD" not in found.in_words(Budget(None, None, 18000))


def leave(runs: Path, minutes: int, planned: plan.RunPlan, status: str = "completed") -> None:
    """A run that trained 100 s and evaluated 20 s."""
    name = f"20260102T03{minutes:02}05Z-00000000"
    done = record.of(planned, status=status, seconds={"train": 100.0, "evaluate": 20.0, "import": 999.0})
    (runs / name).mkdir(parents=True)
    (runs / name / "record.json").write_text(serial.dumps(dataclasses.replace(done, run_id=name)))


def test_an_estimate_is_of_the_newest_run_of_such_a_program_on_such_instances(tmp_path: Path, tiny: None) -> None:
    wanted = programs.planned("tiny", placement=THERE, epochs=4)
    assert cost.estimate(tmp_path, wanted) == "unknown: runs/ has no run of such a model on ml.g5.xlarge"
    elsewhere = dataclasses.replace(THERE, instance_type="ml.p4d.24xlarge")
    two = dataclasses.replace(THERE, instance_count=2)
    other = dataclasses.replace(wanted.experiment, program="another")
    resumed = dataclasses.replace(wanted.provenance, resumed="20260101T000000Z-1")
    leave(tmp_path, 1, programs.planned("tiny", placement=elsewhere))
    leave(tmp_path, 2, programs.planned("tiny", placement=two))
    leave(tmp_path, 3, dataclasses.replace(wanted, experiment=other))
    leave(tmp_path, 4, dataclasses.replace(wanted, provenance=resumed))
    leave(tmp_path, 5, wanted, "failed")
    assert cost.estimate(tmp_path, wanted).startswith("unknown")
    leave(tmp_path, 6, programs.planned("tiny", placement=THERE, epochs=2))
    # 120 s for half as many epochs, and five minutes until an instance has started
    assert cost.estimate(tmp_path, wanted) == "about 9 min, 0.54 USD on demand (as 20260102T030605Z-00000000)"


@pytest.mark.parametrize(
    ("step", "status", "reason", "log", "kept", "complaint"),
    [
        (1, "failed", plan.TRIED, "", True, None),
        (2, "failed", plan.TRIED, "resumed after step 1 of 9\n", True, None),
        (2, "failed", plan.TRIED, "", True, "the checkpoint of the first step was not resumed"),
        (1, "failed", plan.TRIED, "", False, "the checkpoint of the first step was not resumed"),
        (1, "failed", "ValueError: no", "", True, "ValueError: no"),
    ],
)
def test_a_trial_is_two_steps_with_a_resume_between_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny: None,
    step: int,
    status: str,
    reason: str,
    log: str,
    kept: bool,
    complaint: str | None,
) -> None:
    planned = programs.planned("tiny")
    run = run_folder.stage(tmp_path, planned, programs.bundle_of("tiny"), b"")
    run.log.write_text(log)
    if kept:
        (run.checkpoints / f"step-{step:09d}.ckpt").write_bytes(b"")
    ended = record.of(planned, status=status, reason=reason)
    collected: Callable[..., record.RunRecord] = lambda *_: ended  # noqa: E731
    monkeypatch.setattr(trial.collect, "collect", collected)
    assert trial._tried(run, planned, Ended(1, None, run.job, run.job), step) == complaint
