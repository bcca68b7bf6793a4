"""The Docker engine: whether it answers, and whether it has the training image."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

ANSWER = 10.0  # seconds that the engine has to answer a question
BUILD = 900.0  # seconds that building the image may take
START = "python src/train.py mode.runner=process"


def missing() -> str | None:
    """Why no container can run here; None where an engine and Docker Compose answer."""
    if shutil.which("docker") is None:
        return "no docker command"
    answer = docker("version", "--format", "{{.Server.Version}}")
    if answer.returncode:
        told = " ".join(answer.stderr.split())
        why = "permission denied" if "permission denied" in told else "it does not answer"
        return f"no Docker engine: {why}"
    if docker("compose", "version").returncode and shutil.which("docker-compose") is None:
        return "no Docker Compose"
    return None


def image_name(root: Path) -> str:
    """The training image's name: its recipe (lock and Dockerfile) by hash, so that another recipe is another image."""
    recipe = (root / "requirements-train.lock").read_bytes() + (root / "Dockerfile").read_bytes()
    return f"cifar10-train:{hashlib.sha256(recipe).hexdigest()[:12]}"


def image_id(name: str) -> str | None:
    """The id (sha256:…) of an image that the engine has; None where it has none of that name."""
    answer = docker("image", "inspect", "--format", "{{.Id}}", name)
    return answer.stdout.strip() if answer.returncode == 0 else None


def build(root: Path, say: Callable[[str], None]) -> str | None:
    """Build the training image by `make image`'s own script; None where that worked, else the last line it said."""
    say("image     building it, once; about 2 minutes and 2 GB")
    command = ["sh", str(root / "tools" / "image.sh")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD, check=False)
    except subprocess.TimeoutExpired:
        return f"it took longer than {BUILD:.0f} s"
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return None if done.returncode == 0 else lines[-1] if lines else f"exit code {done.returncode}"


def docker(*arguments: str, timeout: float = ANSWER) -> "subprocess.CompletedProcess[str]":
    """One docker command. An engine that hangs counts as one that fails."""
    command = ["docker", *arguments]
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {timeout:.0f} s")
