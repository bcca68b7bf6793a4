"""Sweeps: grids and searches that go on where they broke off. The fast ones train a formula in place of a network."""

import csv
import io
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from test_pipeline import dvc

from harness.contract import plan, record
from harness.contract.errors import SettingError
from harness.launch.runner import StopEarly
from harness.runs import run_folder, stored
from harness.settings import compose
from harness.settings.schema import Config
from harness.settings.sweeps import Span
from harness.sweep import grid, search
from harness.sweep.group import Common
from tests.support.plans import EXPERIMENT, NOW, PLACEMENT, PROVENANCE
from tests.support.projects import SMALL, git, make_project, record_of, runs, type_in
from tests.support.records import CODE

COMMON = Common(EXPERIMENT.dataset, "c" * 64, "d" * 64)
SEARCH = ("hydra/sweeper=optuna", "learning_rate=tag(log,interval(0.001,1))", "momentum=interval(0.5,0.99)", "epochs=4")


class Formula:
    """Trainings whose validation accuracy is a formula of learning rate and momentum; `left` of them can be made."""

    def __init__(self, runs: Path, left: int = 10**6) -> None:
        self.runs, self.left, self.made = runs, left, list[str]()

    def __call__(self, settings: Config, identity: str, begun: str | None, judge) -> stored.StoredRun:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        training = settings.training
        now = NOW + timedelta(minutes=len(list(self.runs.glob("2*"))))
        planned = plan.make(COMMON.experiment(training), PLACEMENT, replace(PROVENANCE, sweep=settings.sweep), now)
        assert planned.experiment_id == identity
        run = run_folder.stage(self.runs, planned, CODE, b"")
        self.made.append(run.path.name)
        best = 0.9 - abs(training.learning_rate - 0.1) / 2 - abs(training.momentum - 0.9) / 2
        status, reason = "completed", None
        rows = ["epoch,step,validation_accuracy"]
        for epoch in range(1, training.epochs + 1):
            accuracy = best * epoch / training.epochs
            rows.append(f"{epoch},{epoch * 10},{accuracy}")
            try:
                judge({"epoch": epoch, "validation_accuracy": accuracy})
            except StopEarly as enough:
                status, reason = "pruned", str(enough)
                break
        run.metrics.write_text("\n".join(rows) + "\n")
        run.record.write_text(plan.dumps(record.of(planned, status=status, reason=reason)))
        return stored.read(run)


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Types a sweep; returns the exit code, what was printed is in capsys."""
    monkeypatch.setattr(search, "common", lambda settings: COMMON)
    monkeypatch.setattr(grid, "common", lambda settings: COMMON)

    def typed(formula: Formula, *arguments: str) -> list[int]:
        monkeypatch.setattr(sys, "argv", ["src/train.py", "-m", f"runs_folder={formula.runs}", *arguments])
        codes: list[int] = []

        def keep(found: list[int]) -> list[int]:
            codes.extend(found)
            return found

        compose.run(
            lambda settings: 0,
            lambda jobs: keep(grid.run(jobs, formula)),
            lambda asked: keep(search.run(asked, formula)),
        )
        return codes

    return typed


def summary(runs: Path, name: str) -> dict:
    return json.loads((runs / "sweeps" / f"{name}.json").read_text())


def test_a_grid_goes_on_where_it_broke_off_and_repeats_nothing(tmp_path, sweep, capsys):
    asked = ("learning_rate=0.1,0.2", "seed=0,1,2,3", "sweep=grid")
    first, second, third = Formula(tmp_path, left=3), Formula(tmp_path), Formula(tmp_path)
    assert 1 in sweep(first, *asked)
    assert "go on     python src/train.py -m" in capsys.readouterr().out
    assert sweep(second, *asked) == [0] * 8
    assert (len(first.made), len(second.made)) == (3, 5)
    assert sweep(third, *asked) == [0] * 8 and not third.made
    found = summary(tmp_path, "grid")
    assert len({each["run"] for each in found["runs"]}) == 8 == found["total"]
    assert "learning_rate=0.1" in found["again"]


def test_another_value_of_a_setting_is_another_run_and_another_name_another_sweep(tmp_path, sweep):
    sweep(Formula(tmp_path), "seed=0,1", "sweep=a")
    more, other = Formula(tmp_path), Formula(tmp_path)
    sweep(more, "seed=0,1,2", "sweep=a")
    sweep(other, "seed=0,1", "sweep=b")
    assert (len(more.made), len(other.made)) == (1, 2)


def test_a_search_that_broke_off_proposes_what_an_unbroken_one_does(tmp_path, sweep):
    asked = (*SEARCH, "sweep=s", "hydra.sweeper.n_trials=8")
    whole, broken = Formula(tmp_path / "whole"), Formula(tmp_path / "broken", left=4)
    assert sweep(whole, *asked) == [0] * 8
    assert 1 in sweep(broken, *asked)
    rest = Formula(tmp_path / "broken")
    assert sweep(rest, *asked) == [0] * 4
    assert len(rest.made) == 4
    told = [summary(tmp_path / name, "s") for name in ("whole", "broken")]
    assert [each["settings"][-2:] for each in told[0]["runs"]] == [each["settings"][-2:] for each in told[1]["runs"]]
    assert [each["status"] for each in told[0]["runs"]] == [each["status"] for each in told[1]["runs"]]


def test_the_search_finds_better_settings_than_chance():
    import optuna

    space = {"learning_rate": Span(0.001, 1.0, None, True), "momentum": Span(0.5, 0.99, None, False)}

    def best(name: str, seed: int) -> float:
        made = optuna.create_study(direction="maximize")
        for number in range(20):
            made.sampler = search.sampler(search.Tuning(20, 1, name, "none", 5, 0, seed), number)
            trial = made.ask()
            values = {name: float(value) for name, value in search.suggest(trial, space).items()}
            made.tell(trial, 0.9 - abs(values["learning_rate"] - 0.1) / 2 - abs(values["momentum"] - 0.9) / 2)
        return made.best_value

    assert statistics.mean(best("tpe", seed) for seed in range(10)) > statistics.mean(
        best("random", seed) for seed in range(10)
    )


def test_runs_that_fall_behind_are_pruned_by_validation_accuracy_alone(tmp_path, sweep):
    sweep(Formula(tmp_path), *SEARCH, "hydra.sweeper.n_trials=9", "hydra.sweeper.sampler=random", "sweep=s")
    found = summary(tmp_path, "s")
    pruned = [each for each in found["runs"] if each["status"] == "pruned"]
    assert pruned and all(each["epochs"] < 4 and "pruned after epoch" in each["reason"] for each in pruned)
    assert found["best"] not in {each["run"] for each in pruned}
    assert found["objective"].startswith("validation_accuracy") and "test_accuracy" not in json.dumps(found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hydra/sweeper=optuna",), "nothing to search"),
        ((*SEARCH, "hydra.sweeper.sampler=tpee"), "tpe | random"),
        ((*SEARCH, "hydra.sweeper.n_trails=3"), "hydra.sweeper.n_trials"),
        ((*SEARCH, "hydra.sweeper.n_trials=0"), "at least 1"),
        (("hydra/sweeper=optuna", "learning_rate=interval(1,0.1)"), "nothing lies from"),
        (("hydra/sweeper=optuna", "resnet_size=20,21"), "6n+2"),
        (("hydra/sweeper=optuna", "mode.threads=1,2"), "no setting of the training"),
        (("learning_rate=interval(0.1,1)",), "hydra/sweeper=optuna"),
        (("seed=0,1", "resume=x"), "resume"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(tmp_path, sweep, monkeypatch, arguments, said):
    if "resume=x" in arguments:
        monkeypatch.undo()
        monkeypatch.setattr(sys, "argv", ["src/train.py", "-m", f"runs_folder={tmp_path}", *arguments])
        with pytest.raises(SettingError, match=said):
            compose.run(lambda settings: 0, grid.run, search.run)
        return
    formula = Formula(tmp_path)
    with pytest.raises(SettingError, match=re.escape(said)):
        sweep(formula, *arguments)
    assert not formula.made


def test_another_search_of_the_same_name_is_refused(tmp_path, sweep):
    sweep(Formula(tmp_path), *SEARCH, "sweep=s", "hydra.sweeper.n_trials=2")
    with pytest.raises(SettingError, match="another space"):
        sweep(Formula(tmp_path), "hydra/sweeper=optuna", "momentum=interval(0.1,0.2)", "sweep=s")


def test_without_m_a_recipe_that_sweeps_is_no_run(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["src/train.py", "+experiment=tutorial_sweep", "resnet_size=20"])
    with pytest.raises(SettingError, match="sweep over batch_size, learning_rate, momentum, weight_decay"):
        compose.run(lambda settings: 0)


# Real trainings.


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("sweeps") / "project")


@pytest.mark.slow  # eight trainings, each in an interpreter of its own that imports TensorFlow
def test_a_sweep_of_eight_killed_after_three_runs_five_more_and_is_a_group_in_dvc(project):
    git(project, "config", "user.email", "a@example.org")
    asked = (*SMALL, "mode=local", "mode.runner=process", "learning_rate=0.1,0.2", "seed=0,1,2,3", "sweep=eight")
    command = [sys.executable, "src/train.py", "-m", *asked]
    environment = {**os.environ, "COMET_API_KEY": ""}
    child = subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in child.stdout:
        if line.startswith("run 4 of 8"):
            break
    time.sleep(2)  # the fourth has begun
    os.killpg(child.pid, signal.SIGKILL)
    child.stdout.close()
    child.wait()
    before = {run.name for run in runs(project) if (run / "record.json").exists()}
    assert len(before) == 3
    done = type_in(project, "-m", *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("there     run ") == 3
    after = [run for run in runs(project) if (run / "record.json").exists() and run.name not in before]
    assert len(after) == 5
    assert {record_of(run).provenance.sweep for run in after} == {"eight"}
    rows = list(csv.DictReader(io.StringIO(dvc(project, "exp", "show", "--csv"))))
    mine = [row for row in rows if row["Experiment"].startswith("eight-")]
    assert len(mine) == 8
    assert {(row["learning_rate"], row["seed"], row["sweep"]) for row in mine} == {
        (rate, str(seed), "eight") for rate in ("0.1", "0.2") for seed in range(4)
    }
    assert all(0 < float(row["validation_accuracy"]) < 1 for row in mine)
    assert subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, check=True).stdout == b""


@pytest.mark.slow  # real trainings
def test_a_run_that_falls_behind_is_ended_in_order_and_keeps_what_it_has(project):
    asked = ("hydra/sweeper=optuna", "learning_rate=0.1,1e-9", "hydra.sweeper.n_trials=2", "sweep=pruned")
    options = (
        "hydra.sweeper.n_startup_trials=1",
        "hydra.sweeper.n_warmup_epochs=2",
        "hydra.sweeper.seed=SEED",
        "hydra.sweeper.sampler=random",
    )
    settings = (*SMALL, "epochs=6", "batch_size=32", "mode.runner=process")
    first = next(seed for seed in range(50) if _first_choice(seed) == "0.1" and _first_choice(seed, 1) == "1e-9")
    done = type_in(project, "-m", *settings, *asked, *(each.replace("SEED", str(first)) for each in options))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((project / "runs/sweeps/pruned.json").read_text())
    pruned = [each for each in found["runs"] if each["status"] == "pruned"]
    assert pruned and any(each.startswith("learning_rate=1e-") for each in pruned[0]["settings"])
    kept = record_of(project / "runs" / pruned[0]["run"])
    assert kept.status == "pruned" and "validation accuracy" in kept.reason
    assert kept.results is None  # it never saw the test set
    assert list((project / "runs" / pruned[0]["run"] / "checkpoints").iterdir())


def _first_choice(seed: int, number: int = 0) -> str:
    """What the sampler chooses at random as trial `number` of the sweep's space."""
    import optuna

    made = optuna.create_study(sampler=search.sampler(search.Tuning(3, 1, "random", "none", 5, 0, seed), number))
    return made.ask().suggest_categorical("learning_rate", ("0.1", "1e-9"))
