"""Numbers, texts and curves of any run, as a page can hold them."""

import math
from collections.abc import Sequence

from harness.contract.metrics import Epoch

Value = str | float | bool | None
Curves = dict[str, list[float | None]]  # numbers by column of metrics.csv, and "epoch"
TEXT = 2000  # characters of a value at most
PRECISION = 5  # significant figures, of what is drawn
POINTS = 2000  # of a curve at most
DRAWN = ("validation_", "train_")  # how the columns of metrics.csv begin that are curves


def number(value: object) -> float | None:
    """What JSON can say: a number that is infinite, too large or not a number is unknown."""
    try:
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    except OverflowError:
        return None


def bounded(value: object) -> Value:
    """A value of any run as one that a page can hold: texts are cut, and so are lists as texts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if number(value) is not None else None
    return short(value if isinstance(value, str) else repr(value)) if _simple(value) else "…"


def _simple(value: object) -> bool:
    """Whether a value is not too large to be shown in words."""
    return isinstance(value, str) or (isinstance(value, list | tuple | dict) and len(value) <= TEXT)


def short(text: str) -> str:
    """A text, cut where it is too long."""
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"


def curves(epochs: Sequence[Epoch]) -> Curves:
    """The columns that are drawn, and `epoch`; nothing where no epoch has ended."""
    names = dict.fromkeys(name for epoch in epochs for name in epoch if name.startswith(DRAWN))
    columns = {name: [_rounded(number(epoch.get(name))) for epoch in epochs] for name in names}
    numbers: list[float | None] = [number(epoch["epoch"]) for epoch in epochs]
    return thinned({"epoch": numbers, **columns}, POINTS) if epochs else {}


def _rounded(value: float | None) -> float | None:
    if value is None:
        return None
    near = float(f"{value:.{PRECISION}g}")
    return int(near) if near.is_integer() else near


def thinned(curves: Curves, most: int) -> Curves:
    """At most that many points: evenly spread, first and last among them; the columns that have any number."""
    count = len(curves["epoch"])
    places = range(count) if count <= most else sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})
    return {
        name: [values[at] for at in places]
        for name, values in curves.items()
        if any(value is not None for value in values)
    }
