"""The exit code of a run, and what is done whatever else goes wrong."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.contract import record
from harness.contract.record import RunRecord
from harness.finish import conclude
from harness.finish.conclude import Started
from harness.launch.runner import Ended, StopEarly
from harness.runs import run_folder
from harness.settings.schema import Comet
from tests.support.plans import PLAN

End = Callable[..., Any]


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> End:
    """Conclude a run whose worker says one epoch and ends so; what it came to, and what was done of it."""

    class Tracker:
        def __init__(self, *_: Any, **options: Any) -> None:
            self.done: list[str] = []
            trackers.append(self)

        def log_epoch(self, epoch: dict[str, float]) -> None:
            self.done.append(f"epoch {epoch['epoch']:.0f}")

        def finish(self, record: RunRecord) -> str:
            self.done.append(record.status)
            return "not sent"

        def log_progress(self, values: dict[str, float]) -> None:
            self.done.append(f"within {values['step']:.0f}")

        def abandon(self) -> None:
            self.done.append("abandoned")

    trackers: list[Tracker] = []
    monkeypatch.setattr(conclude, "Tracker", Tracker)
    monkeypatch.setattr(conclude.plots, "prepare", lambda: None)
    monkeypatch.setattr(conclude.plots, "draw", lambda *_: None)

    def do(status: str = "completed", verdict: str | None = None, judge: Any = None, **ended: Any) -> Any:
        replays = "20260101T000000Z-1" if verdict else None
        planned = dataclasses.replace(PLAN, provenance=dataclasses.replace(PLAN.provenance, replays=replays))
        run = run_folder.stage(tmp_path / f"{len(trackers)}", planned, {"requirements-train.lock": b""}, b"")
        early = []

        def follow(runner: Any, run: Any, dataset: Any, listen: Any, earlier: Any) -> Ended:
            listen("worker 1")
            try:
                listen("epoch=1 step=2 train_loss=0.5")
            except StopEarly as why:
                early.append(str(why))
            return dataclasses.replace(Ended(0, None, run.job, run.job), **ended)

        found = record.of(planned, status=status, reason=None if status == "completed" else "why")
        judged = verdict and SimpleNamespace(verdict=verdict, original=replays, reasons=())
        monkeypatch.setattr(conclude.follow, "follow", follow)
        monkeypatch.setattr(conclude.collect, "collect", lambda run, planned, ended: found)
        monkeypatch.setattr(conclude, "_judged", lambda *_: judged)
        started = Started(None, run, planned, tmp_path, Comet("p", None, None, None, False), 0.0)  # type: ignore[arg-type]
        try:
            code = conclude.conclude(started, *([judge] if judge else []))
        finally:
            started.held.restore()
        return SimpleNamespace(code=code, done=trackers[-1].done, early=early)

    return do


@pytest.mark.parametrize(
    ("status", "verdict", "code"),
    [
        ("completed", None, 0),
        ("pruned", None, 0),
        ("failed", None, 1),
        ("completed", "identical", 0),
        ("completed", "equivalent", 0),
        ("completed", "different", 1),
        ("failed", "different", 1),
    ],
)
def test_the_exit_code_is_that_of_the_run_or_of_the_replays_verdict(
    end: End, status: str, verdict: str | None, code: int
) -> None:
    found = end(status, verdict)
    assert (found.code, found.done) == (code, ["epoch 1", status])


def test_a_job_that_goes_on_elsewhere_is_neither(end: End) -> None:
    found = end(detached=True)
    assert (found.code, found.done) == (conclude.DETACHED, ["epoch 1", "abandoned"])


def test_who_has_heard_enough_ends_the_run_in_order(end: End) -> None:
    def judge(epoch: dict[str, float]) -> None:
        raise StopEarly(f"enough after {epoch['epoch']:.0f}")

    found = end("pruned", judge=judge)
    assert (found.code, found.early, found.done) == (0, ["enough after 1"], ["epoch 1", "pruned"])


def test_an_error_of_who_listens_is_raised_when_the_run_has_its_record(end: End, capsys: Any) -> None:
    def judge(epoch: dict[str, float]) -> None:
        raise ValueError("a bug of the sweep")

    with pytest.raises(ValueError, match="a bug of the sweep"):
        end(judge=judge)
    assert "experiment " in capsys.readouterr().out
