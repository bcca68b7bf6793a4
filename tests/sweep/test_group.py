"""The runs of one sweep: found, resumed, finished, and nobody else's."""

import dataclasses
import multiprocessing
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.contract import metrics, plan, record, serial
from harness.contract.errors import NotReady, SettingError
from harness.contract.metrics import Metric
from harness.planning import draft
from harness.runs import run_folder, stored
from harness.runs.stored import StoredRun
from harness.settings.schema import Config
from harness.settings.sweeps import Job
from harness.sweep import group
from harness.sweep.group import Common, Group
from tests.support.plans import DESCRIPTION, EXPERIMENT, NOW, PLACEMENT, PROVENANCE
from tests.support.records import CODE
from tests.support.verbs import composed

SHARED = Common("cifar10", Metric("accuracy", "higher", share=True), EXPERIMENT.dataset, "c" * 64, "d" * 64)


@pytest.fixture(scope="module")
def job() -> Job:
    return Job(("seed=7",), composed("seed=7"))


def leave(runs: Path, job: Job, minutes: int, status: str | None = "completed", sweep: str | None = "mine") -> str:
    """A run of this job with a checkpoint where it has not finished; its id."""
    provenance = dataclasses.replace(PROVENANCE, sweep=sweep)
    experiment = SHARED.experiment(job.settings.training)
    planned = plan.make(experiment, DESCRIPTION, PLACEMENT, provenance, NOW + timedelta(minutes=minutes))
    run = run_folder.stage(runs, planned, CODE, b"")
    rows = [(1, 10, 0.9, 0.25), (2, 20, 0.95, 0.5)]
    run.metrics.write_text(metrics.table(("epoch", "step", "train_accuracy", "validation_accuracy"), rows))
    if status is not None:
        run.record.write_text(serial.dumps(record.of(planned, status=status, reason=None)))
    if status not in group.FINISHED:
        (run.checkpoints / "step-000000010.ckpt").write_bytes(b"")
    return run.path.name


def found(runs: Path, job: Job, *taken: str) -> str | None:
    run = Group("mine", runs, SHARED, 1).find(job, taken)
    return run.run_id if run else None


def test_a_job_is_its_newest_finished_run_else_its_newest_of_this_sweep(tmp_path: Path, job: Job) -> None:
    assert found(tmp_path, job) is None
    leave(tmp_path, job, 0, sweep="another")
    leave(tmp_path, job, 1, sweep=None)
    leave(tmp_path, Job(("seed=8",), composed("seed=8")), 2)
    assert found(tmp_path, job) is None
    failed = leave(tmp_path, job, 3, "failed")
    assert found(tmp_path, job) == failed
    first, pruned = leave(tmp_path, job, 4), leave(tmp_path, job, 5, "pruned")
    leave(tmp_path, job, 6, "failed")
    running = leave(tmp_path, job, 7, None)
    assert found(tmp_path, job) == pruned
    assert found(tmp_path, job, pruned) == first
    assert found(tmp_path, job, pruned, first) == running


@pytest.mark.parametrize(("status", "begun"), [("completed", None), ("pruned", None), ("failed", True), (None, True)])
def test_a_finished_run_is_taken_and_a_broken_one_goes_on_from_its_checkpoint(
    tmp_path: Path, job: Job, monkeypatch: pytest.MonkeyPatch, status: str | None, begun: bool | None
) -> None:
    name = leave(tmp_path, job, 0, status)
    trained: list[tuple[str | None, str | None]] = []

    def train(settings: Config, identity: str, unfinished: str | None, judge: Any) -> StoredRun:
        assert identity == SHARED.identity(settings.training)
        trained.append((unfinished, settings.sweep))
        return stored.read(run_folder.RunFolder(tmp_path / leave(tmp_path, job, 9)))

    monkeypatch.setattr(group.dvc_experiments, "show", lambda *_: True)
    sweep = Group("mine", tmp_path, SHARED, 1, train)
    row = sweep.here(job, 1, 1, sweep.find(job))
    assert trained == ([(name, "mine")] if begun else [])
    assert (row.status, row.value, row.words) == (status if begun is None else "completed", 0.5, ("seed=7",))


def _hold(runs: str, held: Any, over: Any) -> None:
    with Group("mine", Path(runs), SHARED, 1).alone():
        held.set()
        over.wait(20)


def test_two_programs_do_not_run_one_sweep(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held, over = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(tmp_path), held, over))
    other.start()
    assert held.wait(20)
    with (
        pytest.raises(NotReady, match="another program runs the sweep mine"),
        Group("mine", tmp_path, SHARED, 1).alone(),
    ):
        pass
    with Group("another", tmp_path, SHARED, 1).alone():
        pass
    over.set()
    other.join()
    with Group("mine", tmp_path, SHARED, 1).alone():
        pass


def test_what_has_changed_since_the_sweep_began_is_not_trained(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan.make(EXPERIMENT, DESCRIPTION, PLACEMENT, PROVENANCE, NOW)

    def make(*_: Any) -> Any:
        return draft.Draft(planned, None, None, {}, b"", None, Path())  # type: ignore[arg-type]

    def start(*_: Any) -> Any:
        raise AssertionError("it was started")

    monkeypatch.setattr(group.draft, "make", make)
    monkeypatch.setattr(group.conclude, "start", start)
    judge: Callable[[Any], None] = lambda epoch: None  # noqa: E731
    with pytest.raises(NotReady, match="code, libraries or data have changed since this sweep began"):
        group.train(job.settings, "0" * 64, None, judge)
    with pytest.raises(AssertionError, match="it was started"):
        group.train(job.settings, planned.experiment_id, None, judge)


def test_a_sweep_resumes_no_single_run(job: Job) -> None:
    with pytest.raises(SettingError, match="resume is for one run"):
        group.common(dataclasses.replace(job.settings, resume="x"))
