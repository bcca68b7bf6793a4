"""Hydra's sweeper `optuna`: read the space from Hydra's own syntax and pass it on. Hydra finds it by this folder.

The task that Hydra is given, harness.settings.compose's, has a method `search` for it. Optuna is imported there, since
Hydra imports this module with every command.
"""

from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.plugins.sweeper import Sweeper

from harness.contract.errors import SettingError
from harness.settings import expand
from harness.settings.command_line import command_name
from harness.settings.sweeps import Choice, Span


class OptunaSweeper(Sweeper):
    """See Hydra's own basic sweeper, which makes a grid."""

    def __init__(self, params: Any, **settings: Any) -> None:
        self._params, self._settings = dict(params or {}), settings

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Keep what `sweep` needs."""
        self._context, self._task, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        """Divide what was typed, and what conf/ adds to it, into the space and the rest.

        Raises:
            SettingError: no setting has several values.
        """
        loader = self._context.config_loader
        lines = [f"{name}={value}" for name, value in self._params.items()]
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*lines, *arguments])
        last = {each.get_key_element(): each for each in parsed}  # what was typed wins
        space = {name: _dimension(each) for name, each in last.items() if each.is_sweep_override()}
        if not space:
            raise SettingError(
                "hydra/sweeper=optuna has nothing to search",
                legal="settings with several values, like learning_rate=interval(0.01,1)",
                command=f"{command_name()} -m hydra/sweeper=optuna 'learning_rate=interval(0.01,1)'",
            )
        fixed = [f"{name}={each.get_value_element_as_str()}" for name, each in last.items() if name not in space]
        self._task.search(space, tuple(fixed), self._settings, lambda each: loader.load_sweep_config(self.config, each))


def _dimension(override: Override) -> Choice | Span:
    value = override.value()
    log = isinstance(value, IntervalSweep | RangeSweep) and "log" in value.tags
    if isinstance(value, IntervalSweep):
        assert value.start is not None and value.end is not None
        return Span(value.start, value.end, None, log)
    if isinstance(value, RangeSweep):  # without its end, as everywhere in Hydra
        count = expand.numbers(value.start, value.stop, value.step)
        if count > 1 and value.step > 0:
            assert value.start is not None
            return Span(value.start, value.start + (count - 1) * value.step, None if log else value.step, log)
    return Choice(tuple(override.sweep_string_iterator()))


NODE = {"_target_": "hydra_plugins.optuna_sweeper.OptunaSweeper"}
ConfigStore.instance().store(group="hydra/sweeper", name="optuna_plugin", node=NODE, provider="optuna_sweeper")
