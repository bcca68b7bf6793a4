"""The worker in a container, started by the SageMaker SDK's own local mode.

The SDK lives in a child process (`python -m harness.launch.container`): its import takes seconds and begins while the
host still plans, and its prints, logs and working files stay out of the host. What it leaves lying around (containers,
network, compose file, copies of the outputs) is removed here.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

from harness.folders import RunFolder
from harness.launch import GRACE, Ended, engine
from harness.provenance import without_secrets

COMMAND = "exec python -m harness.worker /opt/ml"  # in the bundle; exec: the worker is process 1 and gets SIGTERM
HOST = "algo-1"  # the SDK's name for the only container
PREFIX = re.compile(
    r"^(\x1b\[\d+m)?\S*algo-\d\S*\s*\|(\x1b\[0m)? ?"
)  # what Docker Compose puts before a container's line
NETWORK = "sagemaker-local"  # the SDK's, shared by all its local jobs


class Container:
    """One worker container. The SDK's import begins at once; without a job its process ends with this one."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._child = subprocess.Popen(
            [sys.executable, "-m", "harness.launch.container"],
            env=without_secrets(os.environ) | _SDK_SETTINGS | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def start(self, run: RunFolder, dataset: Path) -> "subprocess.Popen[str]":
        """Hand the SDK its job: the staged bundle, the data, the checkpoints' folder, a root folder of its own."""
        self._root, self._project = run.job, run.path.name.lower()
        run.job.mkdir()
        job = {
            "root": str(run.job),
            "bundle": str(run.code),
            "dataset": str(dataset),
            "checkpoints": str(run.checkpoints),
            "image": self._image,
            "project": self._project,
        }
        assert self._child.stdin is not None
        print(json.dumps(job), file=self._child.stdin, flush=True)
        self._child.stdin.close()
        return self._child

    def stop(self, at_once: bool) -> None:
        """SIGTERM (Docker follows with SIGKILL after 20 s), or SIGKILL, to the container's process 1."""
        containers = self._containers()
        if containers and at_once:
            engine.docker("kill", *containers)
        elif containers:
            engine.docker("stop", "--time", f"{GRACE:.0f}", *containers, timeout=2 * GRACE)
        else:  # not started yet: it is the SDK that has to go
            self._child.kill()

    def finish(self) -> Ended:
        """How the container ended, by Docker's own account; then remove it, the network and the SDK's files."""
        code: int | None = None
        reason: str | None = None
        containers = self._containers()
        if containers:
            state = json.loads(engine.docker("inspect", "--format", "{{json .State}}", containers[0]).stdout or "{}")
            if state and not state["Running"]:
                code = int(state["ExitCode"])
            if state and state["OOMKilled"]:
                reason = "the container was killed: out of memory"
            elif code == 137:
                reason = "the worker was killed by SIGKILL (by hand, or by the kernel when memory ran out)"
            engine.docker("rm", "--force", "--volumes", *containers, timeout=60)
        engine.docker("network", "rm", NETWORK)  # refused while another job uses it, as it should be
        self._child.wait()
        (self._root / "docker-compose.yaml").unlink(missing_ok=True)
        if code is None:
            code, reason = self._child.returncode or 1, "the SDK started no container; log.txt has its words"
        output = self._root / HOST / "output"
        return Ended(
            code, reason, self._root / "model", output if output.exists() else self._root / "artifacts" / "output"
        )

    def _containers(self) -> list[str]:
        listed = engine.docker(
            "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={self._project}"
        )
        return listed.stdout.split()


# No telemetry, no search for credentials on the network; local mode needs neither account nor region.
_SDK_SETTINGS = {
    "SAGEMAKER_USER_CONFIG_OVERRIDE": str(Path(__file__).with_name("sagemaker.yaml")),
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PYTHONUNBUFFERED": "1",
    "COMPOSE_ANSI": "never",
}


def main() -> int:
    """The child: import the SDK, wait for the job on stdin, run it. No job, no run."""
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, InputData, SourceCode
    from sagemaker.train.model_trainer import Mode

    line = sys.stdin.readline()
    if not line:
        return 0
    job = json.loads(line)
    sys.stdout = _Unprefixed(sys.stdout)  # type: ignore[assignment]
    os.environ["COMPOSE_PROJECT_NAME"] = job["project"]
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        training_image=job["image"],
        source_code=SourceCode(source_dir=job["bundle"], command=COMMAND),
        compute=Compute(instance_type="local_cpu", instance_count=1),
        local_container_root=job["root"],
        base_job_name="harness",
    )
    # Local mode mounts nothing at /opt/ml/checkpoints; as a channel the folder is mounted by the SDK's public means.
    channels = [InputData(channel_name=name, data_source=job[name]) for name in ("dataset", "checkpoints")]
    trainer.train(input_data_config=channels, wait=True)
    return 0


class _Unprefixed:
    """A text stream that cuts Docker Compose's prefix off: the SDK writes a line at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Pass a line on without its prefix."""
        return self._stream.write(PREFIX.sub("", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


if __name__ == "__main__":
    sys.exit(main())
