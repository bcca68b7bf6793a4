"""Sweeps whose trainings are a formula in place of a network, and copies of the project that train the tiny program."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import train
from harness.contract import metrics, plan, record, serial
from harness.contract.metrics import Metric
from harness.launch.runner import StopEarly
from harness.runs import run_folder, stored
from harness.settings import command_line, compose
from harness.settings.schema import Config
from harness.sweep import grid, search
from harness.sweep.group import Common, Judge
from tests.support.plans import EXPERIMENT, NOW, PLACEMENT, PROVENANCE
from tests.support.projects import git, make_project
from tests.support.records import CODE

ACCURACY = Metric("accuracy", "higher", share=True)
ERROR = Metric("error", "lower", share=True)
SEARCH = ("hydra/sweeper=optuna", "learning_rate=tag(log,interval(0.001,1))", "momentum=interval(0.5,0.99)", "epochs=4")


@dataclass
class Formula:
    """Trainings whose value is a formula of learning rate and momentum, reported for `split`; `left` can be made."""

    runs: Path
    left: int = 10**6
    objective: Metric = ACCURACY
    split: str = "validation"
    made: list[str] = field(default_factory=list)

    @property
    def common(self) -> Common:
        return Common(EXPERIMENT.program, self.objective, EXPERIMENT.dataset, "c" * 64, "d" * 64)

    def __call__(self, settings: Config, identity: str, unfinished: str | None, judge: Judge) -> stored.StoredRun:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        training = settings.training
        experiment = self.common.experiment(training)
        description = plan.Description("a formula", (self.objective,), "examples", "model.bin")
        now = NOW + timedelta(minutes=len(list(self.runs.glob("2*"))))
        provenance = replace(PROVENANCE, sweep=settings.sweep)
        planned = plan.make(experiment, description, PLACEMENT, provenance, now)
        assert planned.experiment_id == identity
        run = run_folder.stage(self.runs, planned, CODE, b"")
        self.made.append(run.path.name)
        good = 0.9 - abs(training.learning_rate - 0.1) / 2 - abs(training.momentum - 0.9) / 2
        status, reason, rows = "completed", None, []
        for epoch in range(1, training.epochs + 1):
            accuracy = good * epoch / training.epochs
            value = accuracy if self.objective.better == "higher" else 1 - accuracy
            rows.append((epoch, epoch * 10, value))
            try:
                judge({"epoch": epoch, f"{self.split}_{self.objective.name}": value})
            except StopEarly as why:
                status, reason = "pruned", str(why)
                break
        run.metrics.write_text(metrics.table(("epoch", "step", f"{self.split}_{self.objective.name}"), rows))
        run.record.write_text(serial.dumps(record.of(planned, status=status, reason=reason)))
        return stored.read(run)


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Types a sweep; returns the exit codes, what was printed is in capsys."""

    def type_sweep(formula: Formula, *words: str) -> list[int]:
        for module in (grid, search):
            monkeypatch.setattr(module, "common", lambda settings: formula.common)
        typed = ["-m", f"runs_folder={formula.runs}", *words]
        monkeypatch.setattr(sys, "argv", ["src/train.py", *typed])
        codes: list[int] = []

        def collected(some: list[int]) -> list[int]:
            codes.extend(some)
            return some

        compose.run(
            command_line.parse(train.VERB, typed),
            lambda settings: 0,
            lambda jobs: collected(grid.run(jobs, formula)),
            lambda request: collected(search.run(request, formula)),
        )
        return codes

    return type_sweep


def summary(runs: Path, name: str) -> dict[str, Any]:
    """A sweep's NAME.json."""
    content: dict[str, Any] = json.loads((runs / "sweeps" / f"{name}.json").read_text())
    return content


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that can train the tiny program."""
    folder = make_project(tmp_path_factory.mktemp("sweeps") / "project")
    git(folder, "config", "user.email", "a@example.org")
    return folder
