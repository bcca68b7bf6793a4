"""The training loop: checkpoints, stopping, resuming and progress for any program."""

import time
from dataclasses import dataclass
from pathlib import Path

PROGRESS_SECONDS = 2.0


class Clock:
    """Wall time by phase, in seconds: each lap goes to the phase that it ends."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("build", "trace", "train", "evaluate", "checkpoint"), 0.0)
        self._last = time.perf_counter()

    def lap(self, phase: str) -> float:
        """Seconds since the last lap, added to `phase`."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        self.seconds[phase] += passed
        return passed


@dataclass(frozen=True)
class Keeper:
    """Where and how often states are kept, for which experiment; `write` is False in all workers but one."""

    folder: Path
    plan_id: str
    seconds: float
    write: bool = True
