"""Searches with Optuna: they find, prune and resume, for a metric of either direction."""

import json
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

import train
from harness.contract.errors import SettingError
from harness.contract.metrics import Metric
from harness.launch.runner import StopEarly
from harness.settings import command_line, compose
from harness.settings.sweeps import Span, Tuning
from harness.sweep import grid, search, space, study
from tests.support.projects import record_of, type_in
from tests.sweep.conftest import ACCURACY, ERROR, SEARCH, Formula, summary

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")


@pytest.mark.long
def test_an_interrupted_search_proposes_what_an_uninterrupted_one_does(tmp_path, sweep):
    words = (*SEARCH, "sweep=s", "hydra.sweeper.n_trials=8")
    whole, broken = Formula(tmp_path / "whole"), Formula(tmp_path / "broken", left=4)
    assert sweep(whole, *words) == [0] * 8
    assert 1 in sweep(broken, *words)
    rest = Formula(tmp_path / "broken")
    assert sweep(rest, *words) == [0] * 4
    assert len(rest.made) == 4
    one, other = (summary(tmp_path / name, "s")["runs"] for name in ("whole", "broken"))
    assert [each["settings"][-2:] for each in one] == [each["settings"][-2:] for each in other]
    assert [(each["status"], each["value"]) for each in one] == [(each["status"], each["value"]) for each in other]


@pytest.mark.parametrize("objective", [ACCURACY, ERROR], ids=["rising", "falling"])
def test_the_search_finds_better_settings_than_chance(objective):
    import optuna

    ranges = {"learning_rate": Span(0.001, 1.0, None, True), "momentum": Span(0.5, 0.99, None, False)}

    def best(name: str, seed: int) -> float:
        opened = optuna.create_study(direction=study.DIRECTIONS[objective.better])  # in memory
        for number in range(20):
            opened.sampler = study.sampler(Tuning(20, 1, name, "none", 5, 0, seed), number)
            trial = opened.ask()
            values = {key: float(value) for key, value in space.suggest(trial, ranges).items()}
            good = 0.9 - abs(values["learning_rate"] - 0.1) / 2 - abs(values["momentum"] - 0.9) / 2
            opened.tell(trial, good if objective.better == "higher" else 1 - good)
        return opened.best_value if objective.better == "higher" else 1 - opened.best_value

    seeds = range(10)
    assert statistics.mean(best("tpe", seed) for seed in seeds) > statistics.mean(
        best("random", seed) for seed in seeds
    )


@pytest.mark.parametrize("objective", [ACCURACY, ERROR], ids=["rising", "falling"])
def test_runs_that_fall_behind_are_pruned_by_validation_alone(tmp_path, sweep, objective):
    words = (*SEARCH, "hydra.sweeper.n_trials=9", "hydra.sweeper.sampler=random", "sweep=s")
    sweep(Formula(tmp_path, objective=objective), *words)
    content = summary(tmp_path, "s")
    pruned = [each for each in content["runs"] if each["status"] == "pruned"]
    reason = (
        rf"pruned after epoch [123]: validation {objective.name} \d\.\d{{4}}, median of \d runs \d\.\d{{4}} \(median\)"
    )
    assert pruned and all(each["epochs"] < 4 and re.fullmatch(reason, each["reason"]) for each in pruned)
    values, medians = zip(*(map(float, re.findall(r"\d\.\d{4}", each["reason"])) for each in pruned), strict=True)
    assert all(objective.gain(median, value) < 0 for median, value in zip(medians, values, strict=True))
    completed = {each["run"]: each["value"] for each in content["runs"] if each["status"] == "completed"}
    assert completed[content["best"]] == (max if objective.better == "higher" else min)(completed.values())
    assert content["objective"] == {"name": f"validation_{objective.name}", "better": objective.better}
    assert f"test_{objective.name}" not in json.dumps(content)


@dataclass
class Trial:
    """A trial that should always be pruned."""

    number: int = 0

    def report(self, value: float, epoch: int) -> None: ...

    def should_prune(self) -> bool:
        return True


def test_a_run_is_not_ended_after_its_last_epoch(tmp_path):
    tuning = Tuning(2, 1, "random", "median", 0, 0, 0)
    opened = study.open_study(tmp_path / "s.db", "s", "", tuning, ERROR)
    first = opened.ask()
    for epoch in (1, 2):
        first.report(0.5, epoch)
    opened.tell(first, 0.5)
    opened.ask()
    judge = study.judging(opened, Trial(1), Formula(tmp_path, objective=ERROR).common, "median")
    judge({"epoch": 2, "validation_error": 0.9})
    with pytest.raises(
        StopEarly, match=re.escape("epoch 1: validation error 0.9000, median of 1 runs 0.5000 (median)")
    ):
        judge({"epoch": 1, "validation_error": 0.9})


@pytest.mark.parametrize("objective", [ERROR, Metric("perplexity", "lower")])
def test_a_program_without_validation_is_not_searched_beyond_its_first_epoch(tmp_path, sweep, objective):
    formula = Formula(tmp_path, objective=objective, split="train")
    for made in (1, 1):  # typed again, it says so at once
        with pytest.raises(
            SettingError, match=f"reports no validation_{objective.name}: a search has nothing to go by"
        ):
            sweep(formula, *SEARCH, "sweep=s")
        assert len(formula.made) == made
    assert len((tmp_path / formula.made[0] / "metrics.csv").read_text().splitlines()) == 2  # the header, and epoch 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hydra/sweeper=optuna",), "nothing to search"),
        ((*SEARCH, "hydra.sweeper.sampler=tpee"), "tpe | random"),
        ((*SEARCH, "hydra.sweeper.n_trails=3"), "hydra.sweeper.n_trials"),
        ((*SEARCH, "hydra.sweeper.n_trials=0"), "at least 1"),
        (("hydra/sweeper=optuna", "learning_rate=interval(1,0.1)"), "nothing lies from"),
        (("hydra/sweeper=optuna", "resnet_size=20,21"), "6n+2"),
        (("hydra/sweeper=optuna", "mode.threads=1,2"), "no setting of the training"),
        (("learning_rate=interval(0.1,1)",), "hydra/sweeper=optuna"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(tmp_path, sweep, words, said):
    formula = Formula(tmp_path)
    with pytest.raises(SettingError, match=re.escape(said)):
        sweep(formula, *words)
    assert not formula.made


def test_a_sweep_resumes_no_single_run(tmp_path):
    line = command_line.parse(train.VERB, ["-m", f"runs_folder={tmp_path}", "seed=0,1", "resume=x"])
    with pytest.raises(SettingError, match="resume"):
        compose.run(line, lambda settings: 0, grid.run, search.run)


def test_another_search_of_the_same_name_is_refused(tmp_path, sweep):
    sweep(Formula(tmp_path), *SEARCH, "sweep=s", "hydra.sweeper.n_trials=2")
    with pytest.raises(SettingError, match="another space"):
        sweep(Formula(tmp_path), "hydra/sweeper=optuna", "momentum=interval(0.1,0.2)", "sweep=s")


def test_a_search_of_other_code_or_data_is_another_one(tmp_path, sweep, monkeypatch):
    words = (*SEARCH, "hydra.sweeper.n_trials=1", "sweep=s")
    sweep(Formula(tmp_path), *words)
    changed = replace(Formula(tmp_path).common, code="e" * 64)
    with monkeypatch.context() as other:
        other.setattr(Formula, "common", changed)
        with pytest.raises(SettingError, match="sweep=s was begun with another space, sampler, version of Optuna"):
            sweep(Formula(tmp_path), *words)
    monkeypatch.setattr(study, "version", lambda name: "99.0")
    with pytest.raises(SettingError, match="version of Optuna"):
        sweep(Formula(tmp_path), *words)


def test_without_m_a_recipe_that_sweeps_is_no_run():
    line = command_line.parse(train.VERB, ["+experiment=tutorial_sweep", "resnet_size=20"])
    with pytest.raises(SettingError, match="sweep over batch_size, learning_rate, momentum, weight_decay"):
        compose.run(line, lambda settings: 0, grid.run, search.run)


def test_nothing_of_optuna_is_imported_before_a_search():
    modules = "harness.sweep.grid, harness.sweep.search, hydra_plugins.optuna_sweeper"
    code = f"import sys; sys.path[:0] = ['src']; import {modules}; assert 'optuna' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow  # a project, and two trainings
@pytest.mark.long
def test_a_run_that_falls_behind_is_ended_in_order_and_keeps_what_it_has(project):
    words = ("hydra/sweeper=optuna", "rate=0.5,1e-9", "hydra.sweeper.n_trials=2", "sweep=pruned")
    options = ("n_startup_trials=1", "n_warmup_epochs=2", "sampler=random")
    seed = next(seed for seed in range(50) if _first_choice(seed) == "0.5" and _first_choice(seed, 1) == "1e-9")
    settings = ("program=tiny", "epochs=9", "pause=0.05", "mode.checkpoint_seconds=0", "mode.runner=process")
    tuning = [f"hydra.sweeper.{each}" for each in (*options, f"seed={seed}")]
    done = type_in(project, "-m", *settings, *words, *tuning)
    assert done.returncode == 0, done.stdout + done.stderr
    (pruned,) = [each for each in summary(project / "runs", "pruned")["runs"] if each["status"] == "pruned"]
    assert any(each.startswith("rate=1e-") for each in pruned["settings"])
    ended = record_of(project / "runs" / pruned["run"])
    assert ended.status == "pruned" and "validation error" in ended.reason
    assert ended.results is None  # it never saw the test set
    assert list((project / "runs" / pruned["run"] / "checkpoints").iterdir())


def _first_choice(seed: int, number: int = 0) -> str:
    """What the sampler chooses at random as trial `number` of the sweep's space."""
    import optuna

    opened = optuna.create_study(sampler=study.sampler(Tuning(3, 1, "random", "none", 5, 0, seed), number))
    return str(opened.ask().suggest_categorical("rate", ("0.5", "1e-9")))
