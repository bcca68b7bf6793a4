"""What a script reports on its lines: a row for each epoch, and the numbers that count in the end."""

import math
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.contract import atomic, metrics
from harness.contract.errors import RunFailed
from harness.contract.plan import Description
from harness.contract.record import Results

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)(?!\w|\.\d)"
PAIR = re.compile(rf"(?<![\w.])([A-Za-z_]\w{{0,99}})=({NUMBER})", re.IGNORECASE | re.ASCII)
SPLITS = ("train_", "validation_", "test_")
EXAMPLES = "test_examples"  # how many examples the test numbers are over
SPOKEN = ("epoch=", "progress ", "worker ", "sagemaker ")  # how lines of the harness's own begin
KEPT = ".metrics.csv"  # the rows, beside the script's own checkpoints: a resumed script repeats none of them
WRITE_SECONDS = 2.0  # between two writings of the table within an epoch
SHARE = 20  # a table is written again when so many times has passed what the last writing took


class Reported:
    """The numbers of a script's lines.

    A line with `epoch=` makes the row of that epoch or adds to it; the harness says each row once, as its own programs
    do, when the next one begins or as soon as it holds the deciding metric. `problem` says what cannot be right,
    `newest` is the last epoch that a line was of. Of several workers the chief alone writes a `table`, and keeps the
    rows in `kept`.
    """

    def __init__(
        self, described: Description, patterns: Sequence[tuple[str, str]], table: Path, kept: Path, chief: bool = True
    ) -> None:
        self._patterns = [(name, re.compile(pattern)) for name, pattern in patterns]
        self._table, self._kept, self._described, self._chief = table, kept / KEPT, described, chief
        rows = metrics.epochs(self._kept) if chief else ()
        self.rows: dict[int, dict[str, Any]] = {int(row["epoch"]): dict(row) for row in rows}
        # A script that is killed after its last epoch reports that epoch no more when it resumes.
        newest = self.rows[max(self.rows)] if self.rows else {}
        self.last = {name: float(value) for name, value in newest.items() if name.startswith(SPLITS) and _finite(value)}
        self.problem: str | None = None
        self.newest = 0
        self._open: int | None = None  # the epoch whose row has not been said yet
        self._said: set[int] = set()
        self._written = self._began = time.monotonic()
        self._took = 0.0  # seconds, of the last writing
        self._lock = threading.Lock()

    def take(self, line: str) -> bool:
        """Say a line, and take its numbers in; whether there are any."""
        with self._lock:
            values = {name: float(text) for name, text in PAIR.findall(line)}
            values |= {
                name: self._number(name, match[1]) for name, form in self._patterns if (match := form.search(line))
            }
            epoch = values.pop("epoch", math.nan)
            rest = PAIR.sub("", line)
            if not math.isfinite(epoch) or rest.strip(" \t,;|"):  # a row's own pairs are said with the row
                _say(f" {line}" if line.startswith(SPOKEN) else line)
            for name, value in values.items():
                if name.startswith(SPLITS) and not math.isfinite(value):
                    self.problem = self.problem or f"{name} is {value}: it is infinite or not a number"
            numbers = {name: value for name, value in values.items() if math.isfinite(value)}
            self.last |= {name: value for name, value in numbers.items() if name.startswith(SPLITS)}
            if math.isfinite(epoch):
                self._add(int(epoch), numbers)
            return bool(values) or math.isfinite(epoch)

    def close(self) -> None:
        """Say what has not been said, and write the whole table; where there is no epoch, all is one."""
        with self._lock:
            if not self.rows and self.last:
                numbers = {name: value for name, value in self.last.items() if not name.startswith("test_")}
                self._add(1, numbers)
            self._say_row()
            self._write()

    def keep(self) -> None:
        """Keep the rows for a resumed script where it has left its first checkpoint since the last one was said."""
        with self._lock:
            if self.rows and not self._kept.exists():
                self._keep(self._text())

    def results(self, script: str) -> Results:
        """What the script came to.

        Raises:
            RunFailed: a number was none, or the deciding metric was never reported.
        """
        objective = f"test_{self._described.objective.name}"
        if self.problem:
            raise RunFailed(self.problem)
        if objective not in self.last:
            others = ", ".join(self.last) or "no metric at all"
            raise RunFailed(f"{script} never reported {objective}=NUMBER; it reported {others}")
        return Results(self.last, int(self.last.get(EXAMPLES, 0)), (), ())

    def _number(self, name: str, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            self.problem = self.problem or f"the pattern of {name} finds no number but {text!r}"
            return math.nan

    def _add(self, epoch: int, numbers: dict[str, float]) -> None:
        self.newest = epoch
        if epoch != self._open:
            self._say_row()
            if epoch not in self._said:
                self._open = epoch
                self.rows[epoch] = {"epoch": epoch, "step": 0}  # a resumed script says it again
        step = int(numbers.pop("step", self.rows[epoch]["step"]))
        self.rows[epoch] |= {"step": step, **numbers}
        name = self._described.objective.name
        if any(f"{split}_{name}" in numbers for split in ("validation", "test")):
            self._say_row()
        if time.monotonic() - self._written > WRITE_SECONDS:
            self._write()

    def _say_row(self) -> None:
        if self._open is not None:
            row = self.rows[self._open]
            if "seconds" not in row:
                row["seconds"], self._began = time.monotonic() - self._began, time.monotonic()
            _say(metrics.line(row))
            self._said.add(self._open)
            self._open = None
            if time.monotonic() - self._written > min(WRITE_SECONDS, SHARE * self._took):
                self._write()
            else:
                self._keep(self._text())

    def _write(self) -> None:
        """The table, on the disk, and what is kept."""
        self._written = time.monotonic()
        if self.rows and self._chief:
            text = self._text()
            atomic.write(self._table, text)
            self._keep(text)
            self._took = time.monotonic() - self._written

    def _keep(self, text: str) -> None:
        # An empty folder means to a script that it begins.
        if self._chief and any(path.name != KEPT for path in self._kept.parent.iterdir()):
            atomic.write(self._kept, text, atomic.UNSYNCED)

    def _text(self) -> str:
        """The rows as a table; a number that an epoch lacks is none."""
        rows = [self.rows[epoch] for epoch in sorted(self.rows)]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return metrics.table(names, ([row.get(name, math.nan) for name in names] for row in rows))


def _finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _say(line: str) -> None:
    print(line, flush=True)
