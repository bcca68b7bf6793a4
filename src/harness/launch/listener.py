"""Take a worker's lines: write log.txt, move the progress bar, hand each epoch on."""

import contextlib
import re
import sys
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

from harness.console import duration, printable, say
from harness.contract.metrics import RECENT
from harness.provenance.credentials import Lines

PAIR = re.compile(r"(\w+)=(\S+)")
# What native libraries and Docker Compose say of themselves: in log.txt, not on the terminal.
NATIVE = re.compile(
    r"[IWEF]\d{4} \d\d:|[IWEF]0000 |WARNING: All log messages before absl"
    r"|.*algo-\d\S* exited with code|.*Aborting on container"
)
RATE = "_per_second"  # how the name of a speed ends
WORKER = "worker "  # how the worker's first line begins
FAILED = "failed: "  # how the worker names the reason of its end
CLOUD = "sagemaker "  # how a line about a job on SageMaker begins
BEGINNING = re.compile(f"{CLOUD}(Interrupted|Starting|Pending|Downloading)")  # another worker is about to begin
WAITED = f"{RECENT}waiting"  # what a program says of it
WAITING = 0.05  # share of the time that steps may wait for data before that is said
PLAIN_SECONDS = 60.0  # between lines about progress where there is no terminal


def parse(line: str) -> dict[str, float]:
    """The numbers of a line like `epoch=3 step=1170 train_loss=0.61`; empty for any other line."""
    if not line.startswith(("epoch=", "progress ")):
        return {}
    values = {}
    for name, text in PAIR.findall(line):
        try:
            values[name] = float(text)
        except ValueError:
            return {}
    return values


class Listener:
    """Takes the worker's lines, redacts them, writes log.txt, moves the bar, hands each epoch's numbers on.

    Those within an epoch are handed on too. A log that cannot be written (a full disk, a folder that is gone) ends
    nothing: the record says what the worker met.
    `failure` is the reason that the worker named last, which it may not have been able to write down either;
    `seconds_left` what it last said that its training still takes, None where it said nothing.
    """

    def __init__(
        self,
        log: Path,
        on_epoch: Callable[[dict[str, float]], None],
        on_progress: Callable[[dict[str, float]], None] = lambda values: None,
    ) -> None:
        self.failure: str | None = None
        self.seconds_left: float | None = None
        self._log: FileIO | None = None
        with contextlib.suppress(OSError):
            self._log = FileIO(log, "a")  # unbuffered: what could not be written is not held back until the end
        self._on_epoch, self._on_progress = on_epoch, on_progress
        self._bar: Any = None
        self._next = 0.0  # when progress is next told in a log
        self._epoch = 0.0  # the last one that was handed on
        self._redact = Lines()
        self._live = False  # what the launcher says before the worker speaks is for the log alone

    def __call__(self, line: str) -> None:
        values = parse(line)
        progress = line.startswith("progress ")
        if not progress:
            line = self._redact(line)
            self._write(line)
        if line.startswith(FAILED):
            self.failure = line.removeprefix(FAILED)
        if "step" in values and "steps" in values:
            self._advance(values)
            self.seconds_left = values["seconds_left"]
            self._on_progress(values)
        self._live = (self._live or line.startswith(WORKER)) and not BEGINNING.match(line)
        spoken = self._live and not line.startswith(WORKER) and not NATIVE.match(line)
        if (spoken or line.startswith(CLOUD)) and not progress:
            self._show(line)
        if "epoch" in values and not progress and values["epoch"] > self._epoch:  # a resumed worker may say it again
            self._epoch = values["epoch"]
            self._on_epoch(values)

    def close(self) -> None:
        """End bar and log."""
        with contextlib.suppress(OSError):
            if self._bar is not None:
                self._bar.close()
        with contextlib.suppress(OSError):
            if self._log is not None:
                self._log.close()

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError):
            if self._log is not None:
                self._log.write(f"{line}\n".encode(errors="backslashreplace"))

    def _show(self, line: str) -> None:
        if self._bar is None:
            say(line)
            return
        with contextlib.suppress(OSError):
            self._bar.write(printable(line), file=sys.stdout)

    def _advance(self, values: dict[str, float]) -> None:
        step, steps = int(values["step"]), int(values["steps"])
        rates = {name.removesuffix(RATE): value for name, value in values.items() if name.endswith(RATE)}
        speed = ", ".join(f"{value:.0f} {examples}/s" for examples, value in rates.items())
        epoch = f"epoch {values['epoch']:.0f} of {values['epochs']:.0f}"
        left = f"{speed}, {duration(values['seconds_left'])} left"
        if WAITED in values and values[WAITED] > WAITING:
            left += f"; reading and decoding is the limit: steps wait for data {values[WAITED]:.0%} of the time"
        if sys.stderr.isatty():
            with contextlib.suppress(OSError):
                self._draw(step, steps, f"{epoch}, {left}")
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_SECONDS
            say(f"training  {epoch}, step {step} of {steps}, {left}")

    def _draw(self, step: int, steps: int, text: str) -> None:
        if self._bar is None:
            from tqdm import tqdm

            form = "{percentage:3.0f}%|{bar}| step {n_fmt}/{total_fmt}{postfix}"  # not its own guess of what is left
            self._bar = tqdm(total=steps, initial=step, dynamic_ncols=True, bar_format=form)
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(step - self._bar.n)
