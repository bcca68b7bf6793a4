"""Run a program that is a command: any script, written for SageMaker's script mode. Standard library only.

The worker stays its parent: it has verified code, lock and data before, reads the script's lines while it runs, and
hashes what it left after.
"""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, Protocol

from harness.contract import atomic, identity, legal
from harness.contract.command import Command
from harness.contract.errors import RunFailed
from harness.contract.job import Workers
from harness.contract.job_folder import JobFolder
from harness.contract.plan import TRIED, RunPlan
from harness.worker import model_files, script_mode, untouched
from harness.worker.reported import Reported

# Kill a process group when this process is gone, whatever ended it: then its end of the pipe closes.
GUARD = ("sh", "-c", 'read line || kill -KILL "-$0"')
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LENGTH = 500  # characters of its last line that a record holds
MOST = 900  # files beside model and metrics whose digests a record holds
LINGER = 2.0  # seconds that what a script has started may outlive it
PERIOD = 0.05  # seconds between two looks at it


class Stop(Protocol):
    """Whether the worker was asked to stop, and why."""

    reason: str | None


class Script:
    """One run of a command in the job folder of a plan."""

    def __init__(self, command: Command, folder: JobFolder, planned: RunPlan, workers: Workers, stop: Stop) -> None:
        self.command, self.folder, self.planned, self.workers, self.stop = command, folder, planned, workers, stop
        self.name = next((word for word in command.words if "." in word), command.words[0])
        self.home = folder.code / "programs" / planned.experiment.program
        self.reported = Reported(
            planned.description, command.metrics, folder.metrics, folder.checkpoints, workers.chief
        )
        # Of a command, to stop after 1 is to stop with its first number; after a later epoch it is killed with SIGKILL.
        after = planned.placement.stop_after
        self.trial, self.kill_after = after == 1, after if after != 1 else None
        self.numbers = False  # whether it has said one
        self.said = {True: "", False: ""}  # its last line on stderr, and on stdout
        self.ended: str | None = None  # why it was ended from here
        self.deaf = False  # whether it had to be killed
        self.heard, self.hearing = 0, set[bool]()  # lines so far, and the pipes of which one is being taken in

    def run(self, threads: int, gpus: int) -> dict[str, Any]:
        """Run it to its end; the fields of the record that its outputs are.

        Raises:
            RunFailed: it was stopped, it failed, it reported no number or one that is none, it left no model, or it
                wrote where it must not.
        """
        config = self.planned.experiment.config
        script_mode.write_files(self.folder, config, self.workers)
        environment = script_mode.variables(self.folder, config, self.workers, threads, gpus)
        words = [sys.executable if word == "python" else word for word in self.command.words]
        began = time.perf_counter()
        watched = self.folder.code, self.home, self.folder.dataset
        with untouched.checked(*watched, self.name), untouched.read_only(self.home):
            code = self._run([*words, *script_mode.flags(config)], environment)
        seconds = time.perf_counter() - began
        if self.ended:
            deaf = f"; {self.name} ignored SIGTERM for {self.command.grace:.0f} s and was killed"
            raise RunFailed(self.ended + (deaf if self.deaf else ""))
        if code:
            raise RunFailed(
                f"{self.name} {_in_words(code)}: {self.said[True] or self.said[False] or 'it said nothing'}"
            )
        if not self.workers.chief:
            return {"seconds": {"train": round(seconds, 3)}}
        results = self.reported.results(self.name)
        return {**self._outputs(), "results": results, "seconds": {"train": round(seconds, 3)}}

    def _run(self, words: list[str], environment: dict[str, str]) -> int:
        """Start it, in a session of its own, and hear it to its end; its exit code, below 0 for a signal."""
        try:
            child = subprocess.Popen(
                words,
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise RunFailed(f"{words[0]} cannot be started: {error.strerror}") from error
        guard = subprocess.Popen([*GUARD, str(child.pid)], stdin=subprocess.PIPE, start_new_session=True)
        assert child.stdout and child.stderr and guard.stdin
        threads = [
            threading.Thread(target=self._hear, args=(child, pipe, pipe is child.stderr), daemon=True)
            for pipe in (child.stdout, child.stderr)
        ]
        for thread in threads:
            thread.start()
        try:
            self._watch(child)
            for thread in threads:
                thread.join(LINGER)
        finally:
            _signal(child, signal.SIGKILL)  # what it has started, and it itself where this process fails
            for thread in threads:
                self._read_on(thread)
            guard.communicate(b"\n")
            self.reported.close()
        return child.wait()

    def _hear(self, child: "subprocess.Popen[bytes]", pipe: IO[bytes], is_error: bool) -> None:
        for whole in io.TextIOWrapper(pipe, encoding="utf-8", errors="replace", newline="\n"):
            line = whole.rstrip("\r\n").rsplit("\r")[-1]  # of a bar that is drawn over and over, the last one
            self.hearing.add(is_error)
            self.said[is_error] = legal.spelled(COLOUR.sub("", line.strip()))[:LENGTH] or self.said[is_error]
            try:
                self.numbers = self.reported.take(line) or self.numbers
            except OSError as error:  # a full disk; the pipe is read on
                self.reported.problem = self.reported.problem or f"OSError: {error}"
            if self.kill_after is not None and self.reported.newest >= self.kill_after and self.ended is None:
                self.ended = f"{TRIED}: {self.name} was ended by SIGKILL after epoch {self.reported.newest}"
                _signal(child, signal.SIGKILL)  # from here: the next epoch may last a millisecond
            self.heard += 1
            self.hearing.discard(is_error)

    def _read_on(self, thread: threading.Thread) -> None:
        """Wait until all that was printed is taken in: as long as lines come, and LINGER after the last one."""
        before = -1
        while thread.is_alive() and (self.heard != before or self.hearing):
            before = self.heard
            thread.join(LINGER)

    def _watch(self, child: "subprocess.Popen[bytes]") -> None:
        """Wait for its end; bring it about where the worker is stopped, a trial is over or a number is none."""
        deadline = None
        while child.poll() is None:
            with contextlib.suppress(OSError):  # a full disk: it is said where the table is written
                self.reported.keep()
            if self.ended is None:
                self.ended = (
                    self.stop.reason or self.reported.problem or (TRIED if self.trial and self.numbers else None)
                )
                if self.ended:
                    _signal(child, signal.SIGTERM)
                    deadline = time.monotonic() + self.command.grace
            elif deadline is not None and time.monotonic() > deadline:
                self.deaf, deadline = True, None
                _signal(child, signal.SIGKILL)
            time.sleep(PERIOD)

    def _outputs(self) -> dict[str, Any]:
        """Digests of the weights, of each tensor, and of every file."""
        folder, described = self.folder, self.planned.description
        model, judged = folder.models / described.model, folder.models / (self.command.judged or described.model)
        for path in (model, judged):
            if not path.is_file():
                there = ", ".join(identity.names_in(folder.models)[:5]) or "nothing"
                raise RunFailed(f"{self.name} ended without leaving SM_MODEL_DIR/{path.name}; it left {there}")
        weights, tensors = model_files.digests(judged)
        files = [model, *(path for path in (folder.metrics,) if path.exists())]
        return {
            "weights": weights,
            "tensors": tensors,
            "worker_weights": (weights,),
            "artifacts": {path.name: atomic.sha256(path) for path in files}
            | {f"extras/{name}": atomic.sha256(path) for name, path in list(self._extras().items())[:MOST]},
        }

    def _extras(self) -> dict[str, Path]:
        """What it left beside its model, by the name that it gets in the run folder's `extras`."""
        models, more, model = self.folder.models, self.folder.extras, self.planned.description.model
        beside = {name: models / name for name in identity.names_in(models) if name != model}
        both = {name: more / name for name in identity.names_in(more)} | beside
        return {name: path for name, path in both.items() if legal.PATH.test(name)}


def _signal(child: "subprocess.Popen[bytes]", number: int) -> None:
    """To all that the script has started, as far as it is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _in_words(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
