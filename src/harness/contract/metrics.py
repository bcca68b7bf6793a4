"""Metrics: what a number of a run is called, which direction is better, and the table of epochs that holds them."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Epoch = dict[str, float | str]  # a row of metrics.csv: numbers by name, and the first characters of the weights' digest


@dataclass(frozen=True)
class Metric:
    """A number that a program reports as `train_NAME`, `validation_NAME` and `test_NAME`.

    Attributes:
        name: letters, numbers and `_`.
        better: "higher" or "lower".
        unit: for axes and tables, like "nats"; empty for none.
        share: whether it is a share of the examples, so that `value * examples` is a count of them.
        spread: the standard deviation of test_NAME over seeds, as measured; None where nobody has measured it.
    """

    name: str
    better: str
    unit: str = ""
    share: bool = False
    spread: float | None = None

    def gain(self, old: float, new: float) -> float:
        """How much better `new` is than `old`; negative where it is worse."""
        return new - old if self.better == "higher" else old - new


def epochs(metrics: Path) -> tuple[Epoch, ...]:
    """The rows of a metrics.csv; none where there is no such file.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    if not metrics.exists():
        return ()
    with metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple({name: value if name == "weights" else float(value) for name, value in row.items()} for row in rows)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """The text of a CSV file; floats as Python's repr, so that equal numbers give equal bytes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(columns), *(list(map(str, row)) for row in rows)])
    return text.getvalue()


def line(values: Mapping[str, object]) -> str:
    """`name=value` pairs separated by spaces, which people, the progress bar and SageMaker's metric patterns read.

    True stands as its name alone, and a `note` as its text.
    """
    if "note" in values:
        return str(values["note"])
    shown = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in values.items()}
    return " ".join(name if value is True else f"{name}={value}" for name, value in shown.items())
