"""Copies of the project with commands typed in them, and trainings that are broken off."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness.contract import record, serial
from tests.support import programs

ROOT = Path(__file__).parents[2]
SMALL = (
    "resnet_size=8",
    "epochs=1",
    "num_data_batches=1",
    "validation_images=1000",
    "warmup_epochs=0",
    "mode.threads=2",
)
# The tiny program, which trains in milliseconds; and so that it lasts 12 seconds, to be broken off.
TINY = ("program=tiny", "mode.threads=1")
SLOW = (*TINY, "epochs=10", "pause=0.2")
PLANTED = {
    "COMET_API_KEY": "",
    "AWS_SECRET_ACCESS_KEY": "planted+aws+secret+value",
    "MY_TOKEN": "planted-token-of-mine",
}


def type_in(
    project: Path, *arguments: str, verb: str = "train", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a verb in a project; Comet without a key and nothing of CI's environment but the path."""
    return subprocess.run(
        [sys.executable, f"src/{verb}.py", *arguments],
        cwd=project,
        env={**os.environ, **PLANTED, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def git(project: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, "-C", str(project), *arguments], check=True, capture_output=True)


def make_project(folder: Path) -> Path:
    """A copy of this project's files with the programs of tests/programs, committed.

    Of data it has the points that the tiny program is pinned to; CIFAR-10 is not there, and its sample stands in.
    """
    shutil.copytree(ROOT, folder, symlinks=True, ignore=_left_out)
    programs.lay_into(folder)
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def _left_out(folder: str, names: list[str]) -> list[str]:
    """What is no file of the project: what it makes anywhere, and what stands beside its files."""
    made = {name for name in names if name in (".venv", "__pycache__") or name.endswith("_cache")}
    beside = {".git", ".cache", "data", "runs", "results", "dvc.lock"} if Path(folder) == ROOT else set()
    return [*made, *beside, *({"cache", "tmp"} if Path(folder).name == ".dvc" else ())]


def runs(project: Path) -> list[Path]:
    """What is there beside what sweeps leave."""
    found = (
        sorted(path for path in (project / "runs").iterdir() if path.is_dir()) if (project / "runs").exists() else []
    )
    return [path for path in found if path.name not in ("sweeps", "multirun.yaml")]


def record_of(run: Path) -> record.RunRecord:
    return serial.from_json(record.RunRecord, json.loads((run / "record.json").read_text()))


def _small(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """A small training of CIFAR-10, where neither another program nor a run to resume is named."""
    named = any(argument.startswith(("program=", "resume=")) for argument in arguments)
    return () if named else SMALL


def broken(project: Path, until: str, signum: int, *arguments: str, worker: str | None = "job") -> Path:
    """A run that got a signal after a line that begins with `until`.

    It goes to the worker of that name in its command line, or, for None, to the command itself.
    """
    command = [sys.executable, "src/train.py", *_small(arguments), "mode.checkpoint_seconds=0.2", *arguments]
    environment = {**os.environ, **PLANTED}
    child = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    heard = []
    for line in child.stdout:
        heard.append(line)
        if line.startswith(until):
            break
    else:
        raise AssertionError("".join(heard))
    run = runs(project)[-1]
    if worker is None:
        child.send_signal(signum)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if worker and read(path).endswith(f"harness.worker\0{run}/{worker}\0".encode()):
            os.kill(int(path.parent.name), signum)
    began = time.monotonic()
    child.stdout.read()
    child.stdout.close()
    assert child.wait() == 1
    assert time.monotonic() - began < 60
    assert list((run / "checkpoints").iterdir())
    return run


def interrupted(project: Path, act: Callable[[Path], None] | None, *arguments: str) -> Path:
    """A run in containers that `act`, or else SIGTERM to its host, ends when it has kept a state, within a minute."""
    wanted = ("mode.runner=container", "mode.checkpoint_seconds=0.2", *_small(arguments), *arguments)
    before = runs(project)
    child = subprocess.Popen(
        [sys.executable, "src/train.py", *wanted],
        cwd=project,
        env={**os.environ, **PLANTED},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    copied, deadline = None, time.monotonic() + 90
    while time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
        new = [run for run in runs(project) if run not in before]
        states = {path.name for run in new for path in (run / "checkpoints").glob("step-*.ckpt")}
        copied = states if new and copied is None else copied
        if states - (copied or set()):
            break
    (run,) = [run for run in runs(project) if run not in before]
    if act:
        act(run)
    else:
        child.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert child.wait() == 1
    assert time.monotonic() - began < 60
    return run


def docker_kill(run: Path, host: str) -> None:
    wanted = ("--filter", f"volume={run / 'code'}", "--filter", f"label=com.docker.compose.service={host}")
    listed = subprocess.run(["docker", "ps", "--quiet", *wanted], capture_output=True, text=True, check=True)
    subprocess.run(["docker", "kill", *listed.stdout.split()], check=True, capture_output=True)


def read(path: Path) -> bytes:
    """A process's command line; empty where it is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def done(project: Path, *words: str, verb: str = "train", **environment: str) -> str:
    """What a command printed that worked."""
    ended = type_in(project, *words, verb=verb, **environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def newest(project: Path) -> record.RunRecord:
    """The record of the newest run."""
    return record_of(runs(project)[-1])
