"""The training loop, for any program that trains in steps: checkpoints, stopping, resuming, progress."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contract.errors import RunFailed
from harness.contract.job import Group
from harness.contract.metrics import RECENT
from harness.contract.plan import TRIED
from harness.contract.steps import Outcome, Steps
from harness.worker import checkpoint, randomness
from harness.worker.clock import Clock

Report = Callable[[dict[str, Any]], None]
PROGRESS_SECONDS = 2.0  # between two reports of progress
PACE_SECONDS = 0.25  # of single steps, before it is known how many a call may take
CALL_SECONDS = 1.0  # that several steps in one call may take: what a stop waits for at most


@dataclass(frozen=True)
class Checkpointer:
    """Where and how often checkpoints are written, for which experiment; `write` is False in all workers but one."""

    folder: Path
    experiment_id: str
    seconds: float
    write: bool = True


@dataclass(frozen=True)
class Trained:
    """A finished training: what the program says of it, and what the loop knows.

    `epochs` are the rows of all epochs, those before a resume included. `worker_weights` are the weight digests of all
    replicas, the chief's first.
    """

    outcome: Outcome
    epochs: list[dict[str, Any]]
    worker_weights: list[str]


class Loop:
    """One training in this process.

    `report` gets dicts of plain values, told apart by their first key:
        epoch (from 1), step, what the program measured, EXAMPLES_per_second (of the steps alone), seconds (with the
            measuring), weights (the first characters of their digest): after each epoch;
        progress (True), epoch, epochs, step, steps, EXAMPLES_per_second, seconds_left, recent_NAME: every 2 s at most;
        note (text);
        test_NAME of each metric: at the end.

    `stop` gives a reason as soon as the training is asked to stop; a trial stops after the step `stop_after` as if it
    had given one.
    """

    def __init__(
        self,
        steps: Steps,
        examples: str,
        report: Report,
        checkpointer: Checkpointer,
        clock: Clock,
        group: Group | None = None,
        stop: Callable[[], str | None] = lambda: None,
        stop_after: int | None = None,
    ) -> None:
        self.steps, self.report, self.checkpointer, self.clock = steps, report, checkpointer, clock
        self.group, self.stop, self.stop_after = group or Group(), stop, stop_after
        self.speed = f"{examples}_per_second"
        self.epochs: list[dict[str, Any]] = []
        self.most = 1  # steps of one call
        self.written = (-1, 0)  # steps and epochs done at the last checkpoint
        self.first = 0  # the step from which on the speed is measured

    def run(self) -> Trained:
        """Train to the end, from the newest checkpoint where there is one: the weights are bit-identical to those of an
        uninterrupted run.

        Raises:
            RunFailed: a number is infinite or not a number, the program gives up, or `stop` gave a reason.
            NotReady: the checkpoints belong to another experiment.
            OSError: a checkpoint could not be written.
        """
        steps, clock = self.steps, self.clock
        self._resume()
        clock.lap("build")
        self.began = self.reported = self.saved = time.perf_counter()
        while len(self.epochs) < self._epochs:
            began = time.perf_counter()
            speed = self._epoch(min((len(self.epochs) + 1) * steps.steps_per_epoch, steps.steps))
            clock.lap("train")
            self._reseed("measure")
            measured = steps.measure()
            clock.lap("evaluate")
            _check_finite(measured, f"after epoch {len(self.epochs) + 1}")
            own = {self.speed: speed, "seconds": time.perf_counter() - began}
            weights = checkpoint.digest(steps.weights())[: checkpoint.SHORT]
            row = {"epoch": len(self.epochs) + 1, "step": steps.step, **measured, **own, "weights": weights}
            self.epochs.append(row)
            self.report(dict(self.epochs[-1]))
        self._write_checkpoint()
        self._reseed("finish")
        outcome = steps.finish()
        clock.lap("evaluate")
        _check_finite(outcome.metrics, "on the test data")
        self.report(dict(outcome.metrics))
        return Trained(outcome, self.epochs, self.group.gather(checkpoint.digest(outcome.weights)))

    @property
    def _epochs(self) -> int:
        return math.ceil(self.steps.steps / self.steps.steps_per_epoch)

    def _resume(self) -> None:
        """Put the training where the newest checkpoint left it."""
        newest = checkpoint.load_latest(
            self.checkpointer.folder, self.checkpointer.experiment_id, lambda text: self.report({"note": text})
        )
        step = newest.step if newest else 0
        if len(found := set(self.group.gather(f"{step}"))) > 1:
            raise RunFailed(f"the workers found checkpoints of different steps: {', '.join(sorted(found))}")
        if newest:
            self.steps.step = newest.step
            self.steps.restore(newest.step, newest.arrays)
            self.epochs = newest.epochs
            self.written = (newest.step, len(newest.epochs))
            self.report({"note": f"resumed after step {newest.step} of {self.steps.steps}"})

    def _epoch(self, end: int) -> float:
        """Take the steps up to `end`; examples per second."""
        steps, clock = self.steps, self.clock
        first, began = start = steps.step, time.perf_counter()
        while steps.step < end:
            why = self.stop()
            self._reseed("step")
            stopped = steps.advance(why is not None, 1 if why else self._limit(end))
            if steps.step == self.stop_after:  # a call may take fewer steps than it was offered
                why, stopped = why or TRIED, True
            if not clock.seconds["trace"]:
                steps.check()  # waits for the device
                clock.lap("trace")
                first, began, self.first = steps.step, time.perf_counter(), steps.step
                self.began = self.reported = began
            if stopped:
                self._write_checkpoint()
                raise RunFailed(why or self.stop() or "another worker was stopped")
            if self.most == 1 and time.perf_counter() - began >= PACE_SECONDS:
                self._find_pace(first, began)
            now = time.perf_counter()
            if now - self.saved >= self.checkpointer.seconds:
                self._write_checkpoint()
            if now - self.reported >= PROGRESS_SECONDS and steps.step > first:
                self._report_progress((steps.step - first) * steps.batch / self._find_pace(first, began))
        steps.check()
        if steps.step == first:  # a resumed process had but one step to take, and that was the first one
            first, began = start
        return (steps.step - first) * steps.batch / max(time.perf_counter() - began, 1e-9)

    def _reseed(self, purpose: str) -> None:
        if self.steps.reseed:
            randomness.reseed(self.steps.seed, self.steps.step, purpose)

    def _find_pace(self, first: int, began: float) -> float:
        """Set how many steps a call may take; the seconds that the steps since `first` took, waited for.

        Not at each step: on a GPU the waiting would hold up the next one.
        """
        self.steps.check()
        passed = time.perf_counter() - began
        self.most = max(1, int(CALL_SECONDS * (self.steps.step - first) / passed))
        return passed

    def _limit(self, end: int) -> int:
        """How many steps the next call may take: no more than a second's, not beyond the epoch or a trial's end."""
        if self.steps.reseed:
            return 1
        limit = min(self.most, end - self.steps.step)
        if self.stop_after is not None and self.stop_after > self.steps.step:
            limit = min(limit, self.stop_after - self.steps.step)
        return limit

    def _report_progress(self, speed: float) -> None:
        steps, self.reported = self.steps, time.perf_counter()
        past, now, end = (steps.work(step) for step in (self.first, steps.step, steps.steps))
        self.report(
            {
                "progress": True,
                "epoch": len(self.epochs) + 1,
                "epochs": self._epochs,
                "step": steps.step,
                "steps": steps.steps,
                self.speed: speed,
                "seconds_left": (self.reported - self.began) / (now - past) * (end - now),
                **{f"{RECENT}{name}": value for name, value in steps.recent().items()},
            }
        )

    def _write_checkpoint(self) -> None:
        """Write a checkpoint, unless the last one holds all that is done."""
        steps, checkpointer = self.steps, self.checkpointer
        done = (steps.step, len(self.epochs))
        if self.written == done:
            return
        steps.check()
        self.clock.lap("train")
        if checkpointer.write:
            content = checkpoint.Checkpoint(checkpointer.experiment_id, steps.step, self.epochs, dict(steps.state()))
            checkpoint.write(checkpointer.folder, content)
        self.clock.lap("checkpoint")
        self.written, self.saved = done, time.perf_counter()


def _check_finite(numbers: Any, when: str) -> None:
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise RunFailed(f"{name} is {value} {when}: it is infinite or not a number")
