"""The Docker engine: whether it answers, whether it has the training image, and what it must not keep.

As a program it removes what a job leaves there: `python -m harness.launch.engine CONTAINER…`.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness.contract import bundle
from harness.contract.errors import NotReady

ANSWER = 10.0  # seconds that the engine has to answer a question
BUILD = {"local": 900.0, "cpu": 900.0, "gpu": 7200.0}  # seconds that building an image may take
NAME = "harness-train"  # of the training image, here and in ECR
NETWORK = "sagemaker-local"  # the SageMaker SDK's, shared by all its local jobs
SDK_SETTINGS = str(Path(__file__).with_name("sagemaker.yaml"))  # no telemetry
SHARED = "/tmp"  # any folder that all users of the engine may open; locked, never written


def missing() -> str | None:
    """Why no container can run here; None where an engine and Docker Compose answer."""
    if (why := unanswered()) is not None:
        return why
    if docker("compose", "version").returncode and shutil.which("docker-compose") is None:
        return "no Docker Compose"
    return None


def unanswered() -> str | None:
    """Why there is no engine; None where one answers."""
    if shutil.which("docker") is None:
        return "no docker command"
    answer = docker("version", "--format", "{{.Server.Version}}")
    if answer.returncode:
        told = " ".join(answer.stderr.split())
        why = "permission denied" if "permission denied" in told else "it does not answer"
        return f"no Docker engine: {why}"
    return None


def recipe(root: Path, program: str | None = None) -> str:
    """What the image of a program is made of, locks and Dockerfile, by hash: another recipe is another image.

    A program with a lock of its own has an image of its own; all others, and none, have the project's.
    """
    names = own_lock(root, program) or "requirements-train.lock requirements-cloud.lock requirements-gpu.lock"
    files = (*names.split(), "Dockerfile")
    return hashlib.sha256(b"".join((root / name).read_bytes() for name in files)).hexdigest()[:12]


def own_lock(root: Path, program: str | None) -> str | None:
    """The path, in the project, of a program's own lock; None where it has none."""
    path = bundle.lock(root, program).relative_to(root).as_posix() if program else bundle.LOCK
    return path if path != bundle.LOCK else None


def image_name(root: Path, program: str | None = None) -> str:
    """The name on this machine of a program's image."""
    return f"{NAME}:{recipe(root, program)}"


def image_id(name: str) -> str | None:
    """The id (sha256:…) of an image that the engine has; None where it has none of that name."""
    answer = docker("image", "inspect", "--format", "{{.Id}}", name)
    return answer.stdout.strip() if answer.returncode == 0 else None


def built(root: Path, kind: str, say: Callable[[str], None], program: str | None = None) -> str:
    """The name of a program's image for the cloud, for `cpu` or `gpu`, built where it is missing.

    Raises:
        NotReady: there is no engine, or building failed.
    """
    why = unanswered() or build(root, say, kind, program)
    if why is not None:
        raise NotReady(f"the image cannot be built here: {why}", command="make image")
    return f"{image_name(root, program)}-{kind}"


def build(root: Path, say: Callable[[str], None], kind: str = "local", program: str | None = None) -> str | None:
    """Build a program's image by `make image`'s own script; None where that worked, else the last line it said."""
    size = "several minutes and GB" if kind == "gpu" else "about 2 minutes and 2 GB"
    say(f"image     building it, once; {size}")
    # In a session of its own, so that the whole of it can be ended.
    child = subprocess.Popen(
        ["sh", str(root / "tools" / "image.sh")],
        env={**os.environ, "KIND": kind, "LOCK": own_lock(root, program) or bundle.LOCK},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        told, _ = child.communicate(timeout=BUILD[kind])
    except BaseException as error:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return f"it took longer than {BUILD[kind]:.0f} s"
    lines = [line for line in told.splitlines() if line.strip()]
    return None if child.returncode == 0 else lines[-1] if lines else f"exit code {child.returncode}"


def containers(project: str, *only: str, timeout: float = ANSWER) -> list[str]:
    """The ids of a Docker Compose project's containers, stopped ones too; `only`: more filters, like status=running."""
    wanted = (f"label=com.docker.compose.project={project}", *only)
    listed = docker(
        "ps", "--all", "--quiet", *(word for each in wanted for word in ("--filter", each)), timeout=timeout
    )
    return listed.stdout.split() if listed.returncode == 0 else []


def keep_network() -> int:
    """Make the SDK's network where it is missing, and keep it until the descriptor is closed.

    Docker Compose would make it too; but two that do so at once make two networks of one name, which Docker then
    refuses to use. And Docker would let another job remove it between Compose's finding it and a container joining it.
    """
    lock = os.open(SHARED, os.O_RDONLY)
    for _ in range(100):  # ten seconds; if the engine does not answer by then, Docker Compose is going to say so
        fcntl.flock(lock, fcntl.LOCK_SH)
        if len(_networks()) == 1:
            break
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another is making it, or sees it missing as this one does
            time.sleep(0.1)
            continue
        if len(found := _networks()) != 1:
            if found:  # those in use stay
                docker("network", "rm", *found)
            docker("network", "create", "--label", f"com.docker.compose.network={NETWORK}", NETWORK)
    return lock


def remove_network() -> None:
    """Remove the SDK's network, unless a container is in it or a job of ours soon will be: the last one removes it."""
    lock = os.open(SHARED, os.O_RDONLY)
    for _ in range(10):  # one second: another that removes is soon done, another that starts will remove it itself
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.1)
            continue
        members = docker("ps", "--all", "--quiet", "--filter", f"network={NETWORK}")
        if members.returncode == 0 and not members.stdout.strip() and (found := _networks()):
            docker("network", "rm", *found)
        break
    os.close(lock)


def clear_up(*containers: str) -> None:
    """Remove a job's containers, and then the network if nobody else is in it."""
    if containers:
        docker("rm", "--force", "--volumes", *containers, timeout=60)
    remove_network()


def clear_up_beside(*containers: str) -> None:
    """The same in a process of its own, which ends also where this one is killed; at its end this one waits for it."""
    command = [sys.executable, "-m", "harness.launch.engine", *containers]
    process = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    atexit.register(process.wait)


def _networks() -> list[str]:
    """The ids of the networks of that name: one, or none."""
    return docker("network", "ls", "--quiet", "--no-trunc", "--filter", f"name=^{NETWORK}$").stdout.split()


def docker(*arguments: str, timeout: float = ANSWER) -> "subprocess.CompletedProcess[str]":
    """One docker command, out of reach of the terminal's Ctrl-C. An engine that hangs counts as one that fails."""
    command = ["docker", *arguments]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {timeout:.0f} s")
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


if __name__ == "__main__":
    clear_up(*sys.argv[1:])
