"""A host process that follows one run, and the staged runs that it follows.

As a program it is that host: `python hosts.py RUNNER RUN DATASET GRACE` prints what it hears, then how the run ended.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "src"


def stage(folder: Path, does: str, owner: int | None = None) -> Any:
    """A staged run of the program `unruly`, beside its data and the folders that its host has for itself."""
    from harness.contract import identity
    from harness.runs import run_folder
    from tests.support import programs

    folder.mkdir()
    for name in ("dataset", "home", "elsewhere"):
        (folder / name).mkdir()
    (folder / "dataset" / "batch").write_text("images")
    planned = programs.planned("unruly", identity.identify(folder / "dataset", "one file"), does=does)
    run = run_folder.stage(folder, planned, programs.bundle_of("unruly"), b"")
    if owner is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner)
    return run


class Host:
    """The host process of a staged run, in a working directory of its own."""

    def __init__(
        self, runner: str, run: Any, grace: float = 20, prefix: tuple[str, ...] = (), **environment: str
    ) -> None:
        self.run = run
        folder = run.path.parent
        command = [*prefix, sys.executable, __file__, runner, run.path, folder / "dataset", grace]
        passed = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST", "DOCKER_CONFIG") if name in os.environ}
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder / "elsewhere",
            env=passed | {"HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []

    def until(self, wanted: str) -> "Host":
        """Read on to a line that begins so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if self.lines[-1].startswith(wanted):
                return self
        raise AssertionError(f"no line {wanted!r} in:\n" + "\n".join(self.lines))

    def send(self, number: int) -> "Host":
        self.process.send_signal(number)
        return self

    def end(self) -> dict[str, Any]:
        """Read to the end: how the run ended."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout.read().splitlines()
        self.process.stdout.close()
        self.process.wait()
        assert self.lines and self.lines[-1].startswith("{"), "\n".join(self.lines)
        ended: dict[str, Any] = json.loads(self.lines[-1])
        return ended

    def environment(self) -> dict[str, str]:
        """The environment of a worker that has said it."""
        (line,) = [line for line in self.lines if line.startswith("environment=")]
        environment: dict[str, str] = json.loads(line.removeprefix("environment="))
        return environment

    @property
    def checkpoints(self) -> list[str]:
        """The names of the checkpoints that the run has left."""
        return sorted(path.name for path in self.run.checkpoints.glob("step-*.ckpt"))


def gone(pid: int, within: float = 15) -> bool:
    """Whether a process that is no child of ours has ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def main(runner: str, path: str, dataset: str, grace: str) -> None:
    """Follow one run, then collect it as train.py does."""
    from harness.launch import container, follow, process
    from harness.launch.collect import collect
    from harness.launch.container import Container
    from harness.launch.process import Process
    from harness.runs.run_folder import RunFolder

    run = RunFolder(Path(path))
    place = Process() if runner == "process" else Container(runner)
    if isinstance(place, Container):
        print(f"sdk={place._child.pid}", flush=True)
    began = time.monotonic()
    process.grace = container.grace = lambda planned: float(grace)
    ended = follow.follow(place, run, Path(dataset), lambda line: print(line, flush=True))
    seconds = time.monotonic() - began
    folders = {path.name for path in (ended.model, ended.output, ended.output / "data") if path.is_dir()}
    scratch = sorted(path.name for path in run.job.iterdir())
    record = collect(run, run.planned(), ended)
    told = dataclasses.asdict(ended) | {"folders": sorted(folders), "scratch": scratch, "seconds": seconds}
    print(json.dumps(told | {"status": record.status, "recorded": record.reason}, default=str), flush=True)


if __name__ == "__main__":
    sys.path[0] = str(SOURCE)
    main(*sys.argv[1:])
