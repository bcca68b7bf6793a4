"""What the tests of launching share: bundles with a stand-in worker, and a host process that follows one.

As a program it is that host: `python standin.py RUNNER RUN DATASET GRACE` prints what it hears, then how the run ended.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
sys.path[:0] = [str(SOURCE)]

# As a program this file has no pytest that puts src/ on the path before its imports.
from harness.contract import bundle
from harness.launch import follow
from harness.launch.collect import collect  # noqa: E402
from harness.runs import run_folder  # noqa: E402
from tests.contract.test_plan import PLAN  # noqa: E402

# The worker's own ways, up to the training.
BEGIN = b"""
import json, os, signal, subprocess, sys, time
from pathlib import Path
from harness.folders import JobFolder
from harness.trained import _become_owner
job = JobFolder(Path(sys.argv[1]))
_become_owner(job.plan)
for folder in (job.model.parent, job.output, job.checkpoints):
    folder.mkdir(parents=True, exist_ok=True)
def save(*_):
    (job.checkpoints / "step.ckpt").write_text("weights")
    job.failure.write_text("saved")
    sys.exit(1)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
"""


def stage(folder: Path, body: str, owner: int | None = None) -> run_folder.RunFolder:
    """A staged run whose worker does `body`."""
    root = SOURCE.parent
    files = bundle.collect(root)
    files["harness/trained.py"] = files["harness/worker.py"]
    files["harness/worker.py"] = BEGIN + body.encode()
    folder.mkdir()
    run = run_folder.stage(folder, PLAN, files, b"")
    (folder / "dataset").mkdir()
    (folder / "dataset" / "batch").write_text("images")
    (folder / "home").mkdir()
    (folder / "elsewhere").mkdir()
    if owner is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner)
    return run


class Host:
    """The host process of a staged run, in a working directory of its own."""

    def __init__(
        self, runner: str, run: run_folder.RunFolder, grace: float = 20, prefix=(), **environment: str
    ) -> None:
        self.run = run
        folder = run.path.parent
        command = [*prefix, sys.executable, __file__, runner, run.path, folder / "dataset", grace]
        kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST", "DOCKER_CONFIG") if name in os.environ}
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder / "elsewhere",
            env=kept | {"HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []

    def until(self, wanted: str) -> "Host":
        """Read on to a line."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if self.lines[-1] == wanted:
                return self
        raise AssertionError(f"no line {wanted!r} in:\n" + "\n".join(self.lines))

    def send(self, number: int) -> "Host":
        self.process.send_signal(number)
        return self

    def end(self) -> dict:
        """Read to the end: how the run ended."""
        self.lines += self.process.stdout.read().splitlines()
        self.process.stdout.close()
        self.process.wait()
        assert self.lines and self.lines[-1].startswith("{"), "\n".join(self.lines)
        return json.loads(self.lines[-1])


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
    from harness.launch.container import Container
    from harness.launch.process import Process

    run = run_folder.RunFolder(Path(path))
    place = Process() if runner == "process" else Container(runner)
    if isinstance(place, Container):
        print(f"sdk={place._child.pid}", flush=True)
    began = time.monotonic()
    place.grace = float(grace)
    ended = follow.follow(place, run, Path(dataset), lambda line: print(line, flush=True))
    seconds = time.monotonic() - began
    found = {path.name for path in (ended.model, ended.output, ended.output / "data") if path.is_dir()}
    scratch = sorted(path.name for path in run.job.iterdir())
    record = collect(run, PLAN, ended)
    told = dataclasses.asdict(ended) | {"found": sorted(found), "scratch": scratch, "seconds": seconds}
    print(json.dumps(told | {"status": record.status, "recorded": record.reason}, default=str), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
