"""Wall time by phase."""

import time


class Clock:
    """Wall time by phase, in seconds: each lap goes to the phase that it ends.

    "trace" is the first step of a process, in which a framework compiles; it says nothing about speed.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("build", "trace", "train", "evaluate", "checkpoint"), 0.0)
        self._last = time.perf_counter()

    def lap(self, phase: str) -> float:
        """Seconds since the last lap, added to `phase`."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        self.seconds[phase] += passed
        return passed
