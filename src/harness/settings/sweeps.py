"""The request of a sweep: which settings to try, and how to choose among their values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from harness.contract.errors import SettingError
from harness.contract.rules import Rule
from harness.settings.command_line import command_name
from harness.settings.schema import Config

SAMPLERS = ("tpe", "random")
PRUNERS = ("none", "median", "hyperband", "halving")


@dataclass(frozen=True)
class Choice:
    """A dimension with a few values, each as it is typed."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """Numbers from low to high, both included: integers where both are; evenly over their logarithms if `log`."""

    low: int | float
    high: int | float
    step: int | float | None
    log: bool


Space = dict[str, Choice | Span]


@dataclass(frozen=True)
class Job:
    """One training of a sweep: its overrides, and the settings that they compose to."""

    overrides: tuple[str, ...]
    settings: Config

    @property
    def words(self) -> tuple[str, ...]:
        """The overrides that train it again, alone."""
        return alone(self.overrides)


def alone(overrides: Sequence[str]) -> tuple[str, ...]:
    """Overrides without those that only a sweep needs."""
    return tuple(each for each in overrides if each.partition("=")[0] not in ("sweep", "yes"))


@dataclass(frozen=True)
class Search:
    """A search for the best settings in a space; `fixed` are the other overrides, `raw` the settings of the search."""

    space: Space
    fixed: tuple[str, ...]
    raw: dict[str, Any]
    compose: Callable[[Sequence[str]], Config]

    def job(self, values: dict[str, str]) -> Job:
        """The training with these values.

        Raises:
            SettingError: one of them is not legal.
        """
        overrides = (*self.fixed, *(f"{name}={value}" for name, value in values.items()))
        return Job(overrides, self.compose(overrides))


def _one_of(names: tuple[str, ...]) -> Rule:
    return Rule(" | ".join(names), names.__contains__, lambda _: names[0])


def _from(low: int) -> Rule:
    return Rule(f"at least {low}", lambda value: bool(value >= low), lambda _: low)


@dataclass(frozen=True)
class Tuning:
    """How a search goes: the settings hydra.sweeper.* of conf/hydra/sweeper/optuna.yaml."""

    n_trials: Annotated[int, _from(1)]
    n_jobs: Annotated[int, _from(1)]
    sampler: Annotated[str, _one_of(SAMPLERS)]
    pruner: Annotated[str, _one_of(PRUNERS)]
    n_startup_trials: Annotated[int, _from(0)]
    n_warmup_epochs: Annotated[int, _from(0)]
    seed: Annotated[int, _from(0)]


def examples(space: Space) -> list[dict[str, str]]:
    """Points of a space that have each of its values, or the ends of a span: if these are legal, all should be.

    Raises:
        SettingError: a span is empty, or has no logarithms.
    """
    firsts = {}
    for name, values in space.items():
        if isinstance(values, Choice) and not values.values:
            raise SettingError(f"{name}: there is nothing to choose from", command=f"{command_name()} -m '{name}=1,2'")
        if isinstance(values, Span) and (values.low >= values.high or (values.log and values.low <= 0)):
            legal = "an interval from above 0 upwards" if values.log else "an interval from a low to a higher number"
            command = f"{command_name()} -m hydra/sweeper=optuna '{name}=interval(0.1,1)'"
            raise SettingError(f"{name}: nothing lies from {values.low} to {values.high}", legal=legal, command=command)
        firsts[name] = _ends(values)[0]
    return [{**firsts, name: value} for name, values in space.items() for value in _ends(values)]


def _ends(values: Choice | Span) -> tuple[str, ...]:
    if isinstance(values, Choice):
        return values.values
    if isinstance(values.low, int) and values.step and (values.high - values.low) / values.step < 32:
        return tuple(str(each) for each in range(values.low, int(values.high) + 1, int(values.step)))
    return (str(values.low), str(values.high))
