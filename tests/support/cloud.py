"""What the tests and the benchmark of bursts share: projects with data and a remote, and commands typed in them."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

from harness.contract import identity
from tests.support import programs
from tests.support.projects import PLANTED, TINY, git, make_project, type_in

# Sent away without the trial and without a question: anything, the tiny program, and that with half a second an epoch.
SENT = ("mode=cloud", "mode.instance_type=ml.m5.large", "mode.preflight=false", "yes=true", "scale=quick")
AWAY = (*SENT, *TINY, "mode.spot=true")
SLOWLY = (*AWAY, "pause=0.08")
# A small training of CIFAR-10, and the same sent away.
RESNET = (
    "resnet_size=8",
    "epochs=1",
    "batch_size=100",
    "num_data_batches=1",
    "warmup_epochs=0",
    "mode.threads=2",
)
RESNET_AWAY = (*SENT, *RESNET, "mode.spot=true")

# Of a person with an account.
SECRETS = {"MY_TOKEN": "planted-token-of-mine", "AWS_SECRET_ACCESS_KEY": "planted+aws+secret+value"}


def tiny_project(folder: Path, points: int = 350) -> Path:
    """A copy of this project, committed and pushed, with so many points to train the tiny program on."""
    project = make_project(folder)
    programs.pin_points(project, points)
    return pushed(project)


def cifar10_project(folder: Path, data: Path | None = None, images: int = 2000) -> Path:
    """The same with CIFAR-10 in `data`, or where that is None with so many images like it."""
    from tests.support import small_data  # it sets the environment of TensorFlow

    project = make_project(folder)
    if data is None:
        (project / "data").mkdir()
        pin = small_data.write(project / "data", images).hash
    else:
        (project / "data").symlink_to(data)
        pin = identity.identify(data, "real").hash
    (project / "data.dvc").write_text(f"outs:\n- md5: {pin}\n  hash: md5\n  path: data\n")
    return pushed(project)


def pushed(project: Path) -> Path:
    """The project with all that is in it on a remote."""
    remote = project.with_name(f"{project.name}.git")
    subprocess.run(["git", "init", "--bare", "--quiet", remote], check=True)
    git(project, "remote", "add", "origin", str(remote))
    git(project, "add", ".")
    git(project, "commit", "--allow-empty", "-m", "data")
    git(project, "push", "--quiet", "--set-upstream", "origin", "HEAD")
    return project


class Typed:
    """A command typed in a project, at a terminal or not, and what it prints."""

    def __init__(self, project: Path, *arguments: str, verb: str = "train", terminal: bool = False, **environment: str):
        self._terminal: int | None = None
        slave = subprocess.PIPE
        if terminal:
            self._terminal, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, f"src/{verb}.py", *arguments],
            cwd=project,
            env={**os.environ, **PLANTED, **environment},
            stdin=slave if terminal else subprocess.DEVNULL,
            stdout=slave,
            stderr=slave if terminal else subprocess.STDOUT,
            start_new_session=True,
        )
        if terminal:
            termios.tcsetwinsize(slave, (24, 120))
            os.close(slave)
        stdout = self.process.stdout
        source = self._terminal if stdout is None else stdout.fileno()
        assert source is not None
        self.source = source
        os.set_blocking(self.source, False)
        self.text = ""

    def _read(self) -> bool:
        """More text; False at its end."""
        try:
            more = os.read(self.source, 65536)
        except BlockingIOError:
            return True
        except OSError:  # a terminal that nobody has open
            return False
        self.text += more.decode(errors="replace")
        return bool(more)

    def until(self, wanted: str, timeout: float = 90) -> "Typed":
        """Wait until it is printed."""
        deadline = time.monotonic() + timeout
        while wanted not in self.text:
            assert self._read() and time.monotonic() < deadline, f"no {wanted!r} in:\n{self.text}"
            time.sleep(0.02)
        return self

    def press(self, keys: str) -> "Typed":
        """Type at the terminal."""
        assert self._terminal is not None
        os.write(self._terminal, keys.encode())
        return self

    def send(self, number: signal.Signals) -> "Typed":
        """A signal, as a terminal sends Ctrl-C."""
        self.process.send_signal(number)
        return self

    def end(self, timeout: float = 120) -> int:
        """Read to the end; its exit code."""
        deadline = time.monotonic() + timeout
        while self._read():
            assert time.monotonic() < deadline, f"does not end:\n{self.text}"
            time.sleep(0.02)
        code = self.process.wait(10)
        self.close()
        return code

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        elif self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None


def burst(aws, project, *arguments, settings=AWAY, **options):
    """Send a job away, and wait."""
    return type_in(project, *settings, *arguments, **{**aws.environment(), **SECRETS, **options})


def job_of(aws, run):
    """The run's job, as the stand-in has it."""
    return aws.jobs[json.loads((run / "cloud.json").read_text())["name"]]
