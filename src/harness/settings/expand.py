"""How many trainings a sweep comes to, before Hydra lays out each of them."""

import math
from collections.abc import Sequence

from harness.contract.errors import SettingError

MOST = 10_000  # trainings of one grid


def limit(overrides: Sequence[str]) -> None:
    """Refuse a grid of more trainings than anyone would wait for, and one of none.

    Raises:
        SettingError: names what was typed.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ChoiceSweep, RangeSweep

    total, searched = 1, "hydra/sweeper=optuna" in overrides
    for override in overrides:
        value = OverridesParser.create().parse_override(override).value()
        count = 1
        if isinstance(value, RangeSweep):
            count = numbers(value.start, value.stop, value.step)
            count = min(count, 1) if searched else count  # a search chooses among numbers without listing them
        elif isinstance(value, ChoiceSweep):
            count = len(value.list)
        if not count:
            raise SettingError(f"{override} has no values", legal="one value at least, like 0,1,2")
        total *= count
        if total > MOST:
            what = f"{override} makes it {total:,} trainings" if total < 1e12 else f"{override} has too many values"
            raise SettingError(what, legal=f"{MOST:,} at most, or a search with hydra/sweeper=optuna")


def numbers(start: float | None, stop: float | None, step: float) -> int:
    """The numbers of range(start,stop,step)."""
    if start is None or stop is None or not step or not all(map(math.isfinite, (start, stop, step))):
        return 0
    return max(0, math.ceil((stop - start) / step))
