"""Optuna's part of a search: the study in its own storage (SQLite), sampler and pruner. Optuna is imported late."""

import math
import random
import shlex
import statistics
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.contract.errors import NotReady, SettingError
from harness.contract.metrics import Metric
from harness.evidence import quantity
from harness.finish.conclude import Epoch
from harness.launch.runner import StopEarly
from harness.settings.command_line import command_name
from harness.settings.sweeps import Tuning
from harness.sweep.group import Common, Judge

if TYPE_CHECKING:
    import optuna

# Stated, since Optuna may come to choose otherwise by itself: each setting is drawn on its own.
TPE: dict[str, Any] = {"multivariate": False, "group": False, "constant_liar": False}
DIRECTIONS = {"higher": "maximize", "lower": "minimize"}


def open_study(path: Path, name: str, definition: str, tuning: Tuning, objective: Metric) -> "optuna.Study":
    """The study of a sweep, as earlier sessions left it.

    Raises:
        SettingError: it was begun for another search.
        NotReady: its file is damaged, or cannot be written.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{path}",
            study_name=name,
            load_if_exists=True,
            direction=DIRECTIONS[objective.better],
            pruner=pruner(tuning),
        )
        earlier = study.user_attrs.get("definition")
        if earlier is None:
            study.set_user_attr("definition", definition)
        study.get_trials()
    except Exception as error:  # of SQLite, SQLAlchemy, Alembic or Optuna, as it is damaged
        what = f"{path} cannot be used as the memory of a search: {type(error).__name__}: {_first_line(error)}"
        raise NotReady(what, command=f"mv {shlex.quote(str(path))} {shlex.quote(f'{path}.damaged')}") from error
    if earlier not in (None, definition):
        raise SettingError(
            f"sweep={name} was begun with another space, sampler, version of Optuna, code or data",
            legal="another name, or none",
            command=f"{command_name()} -m sweep={name}-2 …",
        )
    return study


def identity(tuning: Tuning) -> list[object]:
    """What else decides which settings a search tries: Optuna's version, and the sampler's own settings."""
    return [version("optuna"), TPE if tuning.sampler == "tpe" else {}]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def sampler(tuning: Tuning, number: int) -> "optuna.samplers.BaseSampler":
    """The sampler for one trial, with a seed of its own."""
    import optuna

    seed = random.Random(f"{tuning.seed} {number}").getrandbits(32)
    if tuning.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=tuning.n_startup_trials, **TPE)


def pruner(tuning: Tuning) -> "optuna.pruners.BasePruner":
    """Optuna's pruner; its steps are epochs."""
    from optuna import pruners

    least = max(1, tuning.n_warmup_epochs)
    choices: Mapping[str, Callable[[], pruners.BasePruner]] = {
        "none": pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(tuning.n_startup_trials, tuning.n_warmup_epochs),
        "hyperband": lambda: pruners.HyperbandPruner(min_resource=least),
        "halving": lambda: pruners.SuccessiveHalvingPruner(min_resource=least),
    }
    return choices[tuning.pruner]()


def judging(study: "optuna.Study", trial: "optuna.Trial", shared: Common, name: str) -> Judge:
    """What receives the epochs of a trial's run, and ends it by StopEarly where the pruner says so.

    A run is not ended after an epoch that no completed run has gone beyond: it is about to complete.
    """
    import optuna

    reported = set(study.get_trials(deepcopy=False)[trial.number].intermediate_values)
    objective, measure = shared.objective, shared.measure

    def judge(values: Epoch) -> None:
        if measure not in values:
            raise StopEarly(unranked(measure))
        epoch, value = int(values["epoch"]), values[measure]
        if epoch in reported:
            return
        reported.add(epoch)
        trial.report(value, epoch)
        completed = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        longest = max((max(each.intermediate_values, default=0) for each in completed), default=math.inf)
        if epoch >= longest or not trial.should_prune():
            return
        others = [each.intermediate_values.get(epoch, math.nan) for each in completed]
        others = [each for each in others if math.isfinite(each)]
        median = ""
        if others:
            median = f", median of {len(others)} runs {quantity.text(objective, statistics.median(others))}"
        ended = f"validation {objective.name} {quantity.text(objective, value)}"
        raise StopEarly(f"pruned after epoch {epoch}: {ended}{median} ({name})")

    return judge


def unranked(measure: str) -> str:
    """Why a program cannot be searched."""
    return f"the program reports no {measure}: a search has nothing to go by"
