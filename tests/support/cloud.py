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

from tests.support import small_data
from tests.support.projects import PLANTED, git, make_project, type_in

# The smallest trainings, and the same sent away without the trial and without a question.
TINY = (
    "scale=quick",
    "resnet_size=8",
    "epochs=2",
    "batch_size=32",
    "num_data_batches=1",
    "validation_images=80",
    "warmup_epochs=0",
    "mode.threads=2",
)
AWAY = ("mode=cloud", "mode.instance_type=ml.m5.large", "mode.preflight=false", "yes=true", *TINY)

# Of a person with an account.
SECRETS = {"MY_TOKEN": "planted-token-of-mine", "AWS_SECRET_ACCESS_KEY": "planted+aws+secret+value"}

# In the place of the worker where a test is about the job around it: no TensorFlow, half a second for each epoch.
IDLE = """
import signal, sys, time
from pathlib import Path
from harness import atomic, plan, record
from harness.folders import JobFolder
import json
job = JobFolder(Path(sys.argv[1]))
planned = plan.from_json(plan.RunPlan, json.loads(job.plan.read_text()))
for folder in (job.model.parent, job.output, job.checkpoints):
    folder.mkdir(parents=True, exist_ok=True)
def stop(number, frame):
    atomic.write(job.failure, "stopped by SIGTERM")
    atomic.write(job.record, plan.dumps(record.of(planned, status="failed", reason="stopped by SIGTERM")))
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
print("worker", planned.run_id, flush=True)
(job.checkpoints / "step-000000001.ckpt").write_bytes(b"state")
for epoch in range(1, planned.experiment.config["epochs"] + 1):
    time.sleep(0.5)
    print(f"epoch={epoch} step={epoch} train_loss=1.0 validation_accuracy=0.5", flush=True)
job.model.write_bytes(b"model")
found = {"weights": "0" * 64, "artifacts": {job.model.name: atomic.sha256(job.model)}}
atomic.write(job.record, plan.dumps(record.of(planned, status="completed", **found)))
"""


def project(folder: Path, data: Path | None = None, idle: bool = False, images: int = 400) -> Path:
    """A copy of this project with pinned data, committed and pushed; `idle`: its worker trains nothing."""
    made = make_project(folder)
    if data is None:
        (made / "data").mkdir()
        pin = small_data.write(made / "data", images).hash
        (made / "data.dvc").write_text(f"outs:\n- md5: {pin}\n  hash: md5\n  path: data\n")
    else:
        from harness.contract import identity

        (made / "data").symlink_to(data)
        pin = identity.identify(data, "real").hash
        (made / "data.dvc").write_text(f"outs:\n- md5: {pin}\n  hash: md5\n  path: data\n")
    if idle:
        (made / "src" / "harness" / "worker.py").write_text(IDLE)
    remote = folder.with_name(f"{folder.name}.git")
    subprocess.run(["git", "init", "--bare", "--quiet", remote], check=True)
    git(made, "remote", "add", "origin", str(remote))
    git(made, "add", ".")
    git(made, "commit", "-m", "data")
    git(made, "push", "--quiet", "--set-upstream", "origin", "HEAD")
    return made


class Typed:
    """A command typed in a project, at a terminal or not, and what it prints."""

    def __init__(self, made: Path, *arguments: str, verb: str = "train", terminal: bool = False, **environment: str):
        self._terminal, slave = pty.openpty() if terminal else (None, subprocess.PIPE)
        self.process = subprocess.Popen(
            [sys.executable, f"src/{verb}.py", *arguments],
            cwd=made,
            env={**os.environ, **PLANTED, **environment},
            stdin=slave if terminal else subprocess.DEVNULL,
            stdout=slave,
            stderr=slave if terminal else subprocess.STDOUT,
            start_new_session=True,
        )
        if terminal:
            termios.tcsetwinsize(slave, (24, 120))
            os.close(slave)
        self.source = self._terminal if self._terminal is not None else self.process.stdout.fileno()
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


def burst(aws, made, *arguments, **options):
    """Send a job away, and wait."""
    return type_in(made, *AWAY, *arguments, **{**aws.environment(), **SECRETS, **options})


def job_of(aws, run):
    """The run's job, as the stand-in has it."""
    return aws.jobs[json.loads((run / "cloud.json").read_text())["name"]]
