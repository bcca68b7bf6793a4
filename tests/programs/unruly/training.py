"""The training: one step, or 300 of 0.2 seconds. It says `ready` in the first one, and then does what it was set to."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.contract import atomic
from harness.contract.steps import Outcome, Steps
from programs.unruly import Settings

PATIENT = ("wait", "be deaf", "complete when stopped", "talk")


class Training(Steps):
    """Its only weight counts the steps."""

    def __init__(self, settings: Settings, data: Path) -> None:
        self.does, self.data = settings.does, data
        self.steps = self.steps_per_epoch = 300 if self.does in PATIENT else 1
        self.count = np.zeros(1)

    def advance(self, stop: bool, most: int) -> bool:
        if stop and self.does == "complete when stopped":
            self.step = self.steps
            return False
        return super().advance(stop, most)

    def take(self, step: int) -> None:
        self.count = self.count + 1
        if step == 0:
            print("ready", flush=True)
            self._misbehave()
        if self.does == "talk":
            print(os.getpid(), flush=True)
        if self.does in PATIENT:
            time.sleep(0.2)

    def _misbehave(self) -> None:
        match self.does:
            case "train":
                print((self.data / "batch").read_text())
                print("environment=" + json.dumps(dict(os.environ)), flush=True)
            case "raise":
                raise ValueError("no")
            case "exit":
                os._exit(7)
            case "be killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "be deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                print("deaf", os.getpid(), flush=True)
            case "close its output":
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, 1)
                os.dup2(nothing, 2)
                time.sleep(0.5)
            case "leave a process":
                print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
            case "make noise":
                os.write(1, b"\xff\xfe torn \x80\n" + b"x" * 1_000_000 + b"\n\n" + b"a\rb\n" + b"no end\n")

    def state(self) -> Mapping[str, Any]:
        return {"count": self.count}

    def restore(self, step: int, arrays: Mapping[str, Any]) -> None:
        self.count = arrays["count"]

    def measure(self) -> dict[str, float]:
        return {"train_error": 0.0, "validation_error": 0.0}

    def finish(self) -> Outcome:
        return Outcome({"test_error": 0.0}, 1, self.state(), lambda path: atomic.write(path, self.count.tobytes()))
