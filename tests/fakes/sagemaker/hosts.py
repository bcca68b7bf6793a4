"""The instances of a training job: what SageMaker does on each, in a folder that stands for its disk.

An "aws" here is an `aws.Aws`, which has the switches that tests turn and clients of the other services.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

GROUP = "/aws/sagemaker/TrainingJobs"
FLUSH, SYNC = 0.2, 0.3  # seconds between looks at a host's lines and at its checkpoints
ML = "/opt/ml"
IGNORED = ".sagemaker-ignore"  # how the name of a file ends that SageMaker shall leave alone
MARKS = (".sagemaker-uploading", ".sagemaker-uploaded")  # what it lays beside a file that it uploads
REASON = 1024  # characters of FailureReason
Document = dict[str, Any]  # JSON
Stamp = tuple[int, int, int]  # size, time and inode of a file


class InputError(Exception):
    """A job's input cannot be had; the text is SageMaker's reason."""


class UploadError(Exception):
    """A checkpoint vanished while it was uploaded."""


class Host:
    """One instance of a job: a folder that is its /opt/ml, and the process or container that is its process 1."""

    def __init__(self, job: Any, number: int, folder: Path) -> None:
        self.job, self.aws = job, job.aws
        self.name = f"algo-{number}"
        self.base, self.home = folder / self.name, folder / f"{self.name}-home"
        self.process: subprocess.Popen[bytes] | None = None
        self.stream = f"{job.name}/{self.name}-{job.aws.stamp()}"
        self._container = f"harness-aws-{os.getpid()}-{job.name}-{job.attempts}-{self.name}"
        self._events: list[Document] = []  # lines that CloudWatch has not got yet
        self._seen: dict[str, Stamp] = {}  # checkpoints at the last look
        self._kept: dict[str, Stamp] = {}  # checkpoints as S3 has them
        self._flushed = self._synced = 0.0
        self._last = 0  # event's time
        self._streamed: dict[str, Path] = {}  # channels whose objects are read where they lie

    def lay_out(self, addresses: list[str], address: str) -> None:
        """Make /opt/ml: inputs, configuration, and the checkpoints that S3 has."""
        for part in ("input/data", "input/config", "model", "output/data"):
            (self.base / part).mkdir(parents=True)
        self.home.mkdir()
        request = self.job.request
        channels = request.get("InputDataConfig", ())
        for channel in channels:
            name, uri = channel["ChannelName"], channel["DataSource"]["S3DataSource"]["S3Uri"]
            folder = self.base / "input/data" / name
            if input_mode(request, channel) == "FastFile":
                self._streamed[name] = self.job.streamed(name, uri)
                folder.mkdir() if self.aws.docker else folder.symlink_to(self._streamed[name])
                continue
            self.aws.fetch(uri, folder)
            if name == "sm_drivers":
                self._relocate(folder)
        resources = {
            "current_host": address,
            "current_instance_type": request["ResourceConfig"]["InstanceType"],
            "current_group_name": "homogeneousCluster",
            "hosts": addresses,
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": request["ResourceConfig"]["InstanceType"],
                    "hosts": addresses,
                }
            ],
            "network_interface_name": "eth0",
        }
        kind = {"S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
        files = {
            "resourceconfig": resources,
            "hyperparameters": request.get("HyperParameters", {}),
            "inputdataconfig": {
                channel["ChannelName"]: {"TrainingInputMode": input_mode(request, channel), **kind}
                for channel in channels
            },
        }
        if "CheckpointConfig" in request:
            files["checkpointconfig"] = {"LocalPath": request["CheckpointConfig"].get("LocalPath", f"{ML}/checkpoints")}
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            self.aws.fetch(request["CheckpointConfig"]["S3Uri"].rstrip("/") + "/", self._checkpoints)
            self._kept = self._stamps()
        for name, content in files.items():
            (self.base / "input/config" / f"{name}.json").write_text(json.dumps(content))

    @property
    def _checkpoints(self) -> Path:
        path = self.job.request["CheckpointConfig"].get("LocalPath", f"{ML}/checkpoints")
        return self.base / Path(path).relative_to(ML)

    def _relocate(self, folder: Path) -> None:
        """A process has its /opt/ml elsewhere: say so in the files of the SDK, whose scripts name it."""
        for path in folder.rglob("*"):
            with contextlib.suppress(UnicodeDecodeError):
                if path.is_file() and ML in (text := path.read_text()):
                    path.write_text(self._moved(text))

    def _moved(self, text: str) -> str:
        return text if self.aws.docker else text.replace(ML, str(self.base))

    def start(self) -> None:
        """Start process 1; its environment is the job's and the platform's, nothing of this machine's."""
        logs = self.aws.service("logs", self.job.region)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName=self.stream)
        algorithm = self.job.request["AlgorithmSpecification"]
        asked = {name: self._moved(value) for name, value in self.job.request.get("Environment", {}).items()}
        environment = {
            **asked,
            "TRAINING_JOB_NAME": self.job.name,
            "TRAINING_JOB_ARN": self.job.arn,
            "AWS_REGION": self.job.region,
        }
        command = [*algorithm.get("ContainerEntrypoint", ["train"]), *algorithm.get("ContainerArguments", ())]
        if self.aws.docker is not None:
            command = self._docker_run(command, environment)
            environment = dict(os.environ)
        else:
            command = [self._moved(word) for word in command]
            search = [str(Path(sys.executable).parent), str(self.aws.bin), "/usr/local/bin", "/usr/bin", "/bin"]
            environment |= self.aws.job_environment() | {"PATH": ":".join(search), "HOME": str(self.home)}
        self.process = subprocess.Popen(
            command,
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _docker_run(self, command: list[str], environment: dict[str, str]) -> list[str]:
        assert self.job.network is not None
        options = ["--name", self._container, "--hostname", self.name, "--network", self.job.network]
        options += ["--network-alias", self.name, "--volume", f"{self.base}:{ML}", "--entrypoint", command[0]]
        for name, path in self._streamed.items():
            options += ["--volume", f"{path}:{ML}/input/data/{name}:ro"]
        options += [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        return ["docker", "run", "--pull", "never", *options, self.aws.docker, *command[1:]]

    def _listen(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        for raw in self.process.stdout:
            text = raw.decode(errors="replace").rstrip("\r\n")[: 2**18 - 26]
            if text:  # CloudWatch takes no empty events, and wants them in order
                self._last = max(self._last, int(time.time() * 1000))
                self._events.append({"timestamp": self._last, "message": text})

    def code(self) -> int | None:
        """As Docker says it: 128 and the signal's number where one ended it."""
        code = self.process.poll() if self.process else 0
        return 128 - code if code is not None and code < 0 else code

    def terminate(self) -> None:
        """SIGTERM to process 1. The kernel keeps signals from it that it has no handler for."""
        assert self.process is not None
        if self.aws.docker is not None:
            docker("kill", "--signal", "TERM", self._container)
        elif _handles(self.process.pid, signal.SIGTERM):
            self.process.terminate()

    def kill(self) -> None:
        """All of its processes, at once."""
        if self.process is not None:
            if self.aws.docker is not None and self.process.poll() is None:
                docker("kill", self._container)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def tend(self) -> None:
        """Bring to CloudWatch and S3 what is due."""
        now = time.monotonic()
        if now - self._flushed > FLUSH:
            self._flushed = now
            self._flush()
        if now - self._synced > SYNC:
            self._sync(last=False)
            self._synced = time.monotonic()

    def finish(self, sync: bool) -> None:
        """Process 1 has ended: so have the others; bring the rest to CloudWatch and S3."""
        self.kill()
        if self.process is not None:
            self.process.wait()
            self._listener.join(5)
            if self.process.stdout is not None and not self._listener.is_alive():
                self.process.stdout.close()
        self._flush()
        if sync:
            self._sync(last=True)
        if self.aws.docker is not None:
            self._clear_up()

    def _clear_up(self) -> None:
        docker("rm", "--force", "--volumes", self._container)
        options = ("--rm", "--pull", "never", "--network", "none", "--volume", f"{self.base}:{ML}")
        owner = f"{os.getuid()}:{os.getgid()}"  # root wrote there
        docker("run", *options, "--entrypoint", "chown", self.aws.docker, "--recursive", owner, ML)

    def _flush(self) -> None:
        logs = self.aws.service("logs", self.job.region)
        while batch := self._events[:500]:
            logs.put_log_events(logGroupName=GROUP, logStreamName=self.stream, logEvents=batch)
            del self._events[: len(batch)]

    def _stamps(self) -> dict[str, Stamp]:
        found = {}
        for path in self._checkpoints.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # its writer has renamed it meanwhile
                if path.is_file() and not path.name.endswith((IGNORED, *MARKS)):
                    state = path.stat()
                    found[path.relative_to(self._checkpoints).as_posix()] = (
                        state.st_size,
                        state.st_mtime_ns,
                        state.st_ino,
                    )
        return found

    def _sync(self, last: bool) -> None:
        """Make S3 what the checkpoints' folder is, deletions first; a file that still grows has to wait."""
        if "CheckpointConfig" not in self.job.request:
            return
        place = self.job.request["CheckpointConfig"]["S3Uri"].rstrip("/")
        found = self._stamps()
        for name in self._kept.keys() - found.keys():
            del self._kept[name]
            if self.aws.mirrors_deletions:
                self.aws.delete(f"{place}/{name}")
        for name, stamp in found.items():
            if self._kept.get(name) != stamp and (last or self._seen.get(name) == stamp):
                self._upload(self._checkpoints / name, f"{place}/{name}", last)
                self._kept[name] = stamp
        self._seen = found

    def _upload(self, path: Path, uri: str, last: bool) -> None:
        """Send one checkpoint, with marks beside it while that takes. What vanishes meanwhile fails the job."""
        begun, done = (path.with_name(f"{path.name}{mark}") for mark in MARKS)
        begun.touch()
        if not path.exists():  # it was gone before its turn came
            begun.unlink(missing_ok=True)
            return
        if self.aws.upload_seconds and not last:
            time.sleep(self.aws.upload_seconds)
        try:
            self.aws.put(uri, path.read_bytes())
        except FileNotFoundError:
            begun.unlink(missing_ok=True)
            raise UploadError(path.name) from None
        begun.rename(done)

    def reason(self, code: int) -> str:
        """SageMaker's account of a process 1 that failed."""
        path = self.base / "output" / "failure"
        text = path.read_text(errors="replace") if path.is_file() else ""
        before, after = "AlgorithmError: ", f", exit code: {code}"
        return before + text[: REASON - len(before) - len(after)] + after


def input_mode(request: Document, channel: Document) -> str:
    """A channel's own, or else the job's."""
    return str(channel.get("InputMode") or request["AlgorithmSpecification"].get("TrainingInputMode", "File"))


def _handles(pid: int, number: int) -> bool:
    with contextlib.suppress(OSError):
        caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)
    return False


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], capture_output=True, timeout=60, check=False)
