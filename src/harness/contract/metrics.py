"""Metrics: what a number of a run is called, which direction is better, and the table of epochs that holds them."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from harness.contract import legal
from harness.contract.rules import optional

RECENT = "recent_"  # how the name of a mean over the last few seconds begins
LARGEST = 2**26  # bytes of a metrics.csv
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

    name: Annotated[str, legal.WORD]
    better: Annotated[str, legal.BETTER]
    unit: Annotated[str, legal.TEXT] = ""
    share: bool = False
    spread: Annotated[float | None, optional(legal.SPREAD)] = None

    def gain(self, old: float, new: float) -> float:
        """How much better `new` is than `old`; negative where it is worse."""
        return new - old if self.better == "higher" else old - new


def epochs(metrics: Path) -> tuple[Epoch, ...]:
    """The rows of a metrics.csv; none where there is no such file.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    try:
        with metrics.open("rb") as file:
            return parse(file.read(LARGEST + 1))
    except FileNotFoundError:
        return ()


def parse(content: bytes) -> tuple[Epoch, ...]:
    """The rows of a metrics.csv by its content.

    Raises:
        ValueError: it is too large, or a row is not whole.
    """
    if len(content) > LARGEST:
        raise ValueError(f"metrics.csv has more than {LARGEST} bytes")
    try:
        rows = csv.DictReader(io.StringIO(content.decode()))
        return tuple(_epoch(row, number) for number, row in enumerate(rows, 1))
    except csv.Error as error:
        raise ValueError(f"metrics.csv: {error}") from error


def _epoch(row: Mapping[str, object], number: int) -> Epoch:
    """One row; a number that is infinite or not a number is left out."""
    values: Epoch = {}
    for name, value in row.items():
        if not isinstance(value, str) or not legal.WORD.test(name):
            raise ValueError(f"row {number} of metrics.csv is not whole")
        if name == "weights":
            values[name] = legal.spelled(value[:64])
        elif math.isfinite(measured := float(value)):
            values[name] = measured
    if "epoch" not in values:
        raise ValueError(f"row {number} of metrics.csv has no epoch")
    return values


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
