"""The space of a search: what may be searched, and the values of one trial."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from harness.contract.errors import SettingError
from harness.settings.sweeps import Choice, Space, Span

if TYPE_CHECKING:
    import optuna


def check(space: Space, training: Any) -> None:
    """Refuse what is no setting of the program; `training` is its settings.

    Raises:
        SettingError: names the first one.
    """
    if strange := sorted(set(space) - {field.name for field in fields(training)}):
        raise SettingError(
            f"{strange[0]} is not searched: it is no setting of the training", legal="one value for it, or a grid"
        )


def suggest(trial: "optuna.Trial", space: Mapping[str, Choice | Span]) -> dict[str, str]:
    """A trial's values, as they are typed."""
    values: dict[str, Any] = {}
    for name, choices in space.items():
        low, high = (choices.low, choices.high) if isinstance(choices, Span) else (None, None)
        if isinstance(choices, Choice):
            values[name] = trial.suggest_categorical(name, choices.values)
        elif isinstance(low, int) and isinstance(high, int):
            values[name] = trial.suggest_int(name, low, high, step=int(choices.step or 1), log=choices.log)
        else:
            values[name] = trial.suggest_float(name, choices.low, choices.high, step=choices.step, log=choices.log)
    return {name: str(value) for name, value in values.items()}
