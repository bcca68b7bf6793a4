"""A search's study: which way is better, what a trial is drawn from, and when a run has shown enough."""

from pathlib import Path

import optuna
import pytest

from harness.contract.errors import SettingError
from harness.contract.metrics import Metric
from harness.launch.runner import StopEarly
from harness.settings.sweeps import Tuning
from harness.sweep import study
from harness.sweep.group import Common
from tests.support.plans import EXPERIMENT

TUNING = Tuning(n_trials=9, n_jobs=1, sampler="random", pruner="median", n_startup_trials=1, n_warmup_epochs=0, seed=5)
ACCURACY, ERROR = Metric("accuracy", "higher", share=True), Metric("error", "lower")


def shared(metric: Metric) -> Common:
    return Common("mine", metric, EXPERIMENT.dataset, "c" * 64, "d" * 64)


def in_memory() -> optuna.Study:
    """A study like those that are opened, without a file."""
    return optuna.create_study(direction="maximize", pruner=study.pruner(TUNING))


def completed(found: optuna.Study, *values: float) -> None:
    """A trial that completed with these values after its epochs."""
    trial = found.ask()
    for epoch, value in enumerate(values, 1):
        trial.report(value, epoch)
    found.tell(trial, values[-1])


@pytest.mark.parametrize(("metric", "best"), [(ACCURACY, 0.9), (ERROR, 0.1)])
def test_the_best_trial_is_that_of_the_better_value_and_a_study_of_one_search(
    tmp_path: Path, metric: Metric, best: float
) -> None:
    found = study.open_study(tmp_path / "o.db", "o", "this one", TUNING, metric)
    for value in (0.5, 0.9, 0.1):
        completed(found, value)
    assert found.best_value == best
    if metric is ACCURACY:
        assert len(study.open_study(tmp_path / "o.db", "o", "this one", TUNING, metric).get_trials()) == 3
        with pytest.raises(SettingError, match="sweep=o was begun with another space"):
            study.open_study(tmp_path / "o.db", "o", "another one", TUNING, metric)


def test_a_run_that_falls_behind_is_ended_but_not_after_its_last_epoch() -> None:
    found = in_memory()
    completed(found, 0.5, 0.6, 0.7)
    judge = study.judging(found, found.ask(), shared(ACCURACY), "median")
    with pytest.raises(StopEarly, match=r"pruned after epoch 1: .*0\.1000, median of 1 runs 0\.5000 \(median\)"):
        judge({"epoch": 1, "validation_accuracy": 0.1})
    judge = study.judging(found, found.ask(), shared(ACCURACY), "median")
    for epoch, value in ((1, 0.6), (2, 0.6), (3, 0.1)):  # behind in the end, when it is about to complete
        judge({"epoch": epoch, "validation_accuracy": value})


def test_an_epoch_that_a_resumed_run_says_again_is_not_judged_again() -> None:
    found = in_memory()
    trial = found.ask()
    judge = study.judging(found, trial, shared(ACCURACY), "median")
    judge({"epoch": 1, "validation_accuracy": 0.5})
    completed(found, 0.9, 0.9, 0.9)
    again = study.judging(found, trial, shared(ACCURACY), "median")
    again({"epoch": 1, "validation_accuracy": 0.1})
    judge({"epoch": 1, "validation_accuracy": 0.1})
    assert found.get_trials()[0].intermediate_values == {1: 0.5}
    with pytest.raises(StopEarly):
        again({"epoch": 2, "validation_accuracy": 0.1})


def test_a_program_without_the_number_is_ended_at_once() -> None:
    found = in_memory()
    with pytest.raises(StopEarly, match="reports no validation_accuracy"):
        study.judging(found, found.ask(), shared(ACCURACY), "median")({"epoch": 1, "train_accuracy": 0.5})


def test_each_trial_draws_from_a_stream_of_its_own_whatever_was_drawn_before() -> None:
    def drawn(*numbers: int) -> list[float]:
        found, values = in_memory(), list[float]()
        for number in numbers:
            found.sampler = study.sampler(TUNING, number)
            values.append(float(found.ask().suggest_float("x", 0, 1)))
        return values

    first = drawn(0, 1, 2)
    assert len(set(first)) == 3
    assert drawn(2, 0) == [first[2], first[0]]
