"""A stand-in for SageMaker's training jobs that really runs them: as processes on this machine, or as containers.

What the platform does is done by its documentation: states, signals, what goes to S3 and when. An "aws" here is an
`aws.Aws`, which has the switches that tests turn and clients of the other services.
"""

import copy
import io
import math
import os
import subprocess
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.fakes.sagemaker.hosts import Document, Host, InputError, UploadError, docker

OVER = ("Completed", "Failed", "Stopped")
TICK = 0.05  # seconds between looks at the processes
SPOT_SHARE = 0.3  # of the on-demand price
LONGEST = 86400  # seconds that a job runs where its request sets no limit
MESSAGES = {
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}
NO_CAPACITY = "Unable to provision requested ML compute capacity. Please retry using a different ML instance type."


class Job:
    """One training job and the thread that takes it through its states.

    `hosts` are those of the current attempt: an interrupted spot job begins another one, in other folders.
    """

    def __init__(self, aws: Any, request: Document, region: str) -> None:
        self.aws, self.request, self.region = aws, request, region
        self.name: str = request["TrainingJobName"]
        self.arn = f"arn:aws:sagemaker:{region}:{aws.account}:training-job/{self.name}"
        self.tags: list[Document] = list(request.get("Tags", ()))
        self.spot = bool(request.get("EnableManagedSpotTraining"))
        self.limits: Document = request.get("StoppingCondition", {})
        self.attempts = 0
        self.hosts: list[Host] = []
        self.network: str | None = None  # of its containers
        self._lock = threading.RLock()
        self._ending: str | None = None  # why it is to end: a secondary status
        self._interruption: str | None = None  # "killed", where the instance is gone without notice
        self._used = 0.0  # AWS's seconds on instances, in the attempts before this one
        self._since: float | None = None  # of AWS's clock: this attempt is on its instances
        self._failed: tuple[Host, int] | None = None
        self.description: Document = {
            **{name: value for name, value in request.items() if name != "Tags"},
            "TrainingJobArn": self.arn,
            "EnableNetworkIsolation": bool(request.get("EnableNetworkIsolation")),
            "EnableInterContainerTrafficEncryption": bool(request.get("EnableInterContainerTrafficEncryption")),
            "EnableManagedSpotTraining": self.spot,
            "CreationTime": aws.now(),
            "SecondaryStatusTransitions": [],
        }
        self._state("Starting", "Starting the training job")
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    def folder(self) -> Path:
        """What the first host has as /opt/ml."""
        return self.hosts[0].base

    def streamed(self, channel: str, uri: str) -> Path:
        """The objects of a channel that is not copied to the instances' disks: one place, where all hosts read."""
        folder = self.aws.folder / self.name / "streamed" / channel
        if not folder.exists():
            self.aws.fetch(uri, folder)
            for path in folder.rglob("*"):
                if path.is_file():
                    path.chmod(0o444)
        return Path(folder)

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The first host's process 1; with Docker, the client that waits for its container."""
        return self.hosts[0].process

    @property
    def over(self) -> bool:
        return self.description["TrainingJobStatus"] in OVER

    def describe(self) -> Document:
        """What DescribeTrainingJob says; times are seconds since 1970."""
        with self._lock:
            return copy.deepcopy(self.description)

    def stop(self) -> None:
        """StopTrainingJob."""
        self._end("Stopped")

    def interrupt(self, kill: bool) -> None:
        """Take the spot instances away."""
        assert self.spot, "only spot jobs are interrupted"
        with self._lock:
            self._interruption = "killed" if kill else "interrupted"

    def _end(self, cause: str) -> None:
        with self._lock:
            if self._ending is None and not self.over:
                self._ending = cause
                self._state("Stopping", "Stopping the training job", "Stopping")

    def _state(self, secondary: str, message: str, status: str = "InProgress", **more: Any) -> None:
        with self._lock:
            if status == "InProgress" and self._ending:
                return  # it is Stopping by now, and stays so
            now = self.aws.now()
            past = self.description["SecondaryStatusTransitions"]
            if not past or past[-1]["Status"] != secondary:
                if past:
                    past[-1]["EndTime"] = now
                past.append({"Status": secondary, "StartTime": now})
            past[-1]["StatusMessage"] = message
            if status in OVER:
                past[-1]["EndTime"] = now
            self.description.update(more, TrainingJobStatus=status, SecondaryStatus=secondary, LastModifiedTime=now)

    def _over(self, secondary: str, reason: str | None = None) -> None:
        """The last state, with the bill."""
        more: Document = {"TrainingEndTime": self.aws.now()}
        if "TrainingStartTime" in self.description:
            seconds = max(1, round(self._seconds()))
            billed = math.ceil(seconds * SPOT_SHARE) if self.spot else seconds
            more |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": billed}
        if reason is not None:
            more["FailureReason"] = reason
        if secondary == "Completed":
            more["ModelArtifacts"] = {"S3ModelArtifacts": f"{self._output}/model.tar.gz"}
        status = secondary if secondary in OVER else "Stopped"
        self._state(secondary, MESSAGES[secondary], status, **more)

    def _seconds(self) -> float:
        return self._used + (self.aws.now() - self._since if self._since is not None else 0)

    @property
    def _output(self) -> str:
        return f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    def _run(self) -> None:
        try:
            while self._attempt():
                pass
        except InputError as error:
            self._over("Failed", f"ClientError: {error}")
        except UploadError as error:
            for host in self.hosts:
                host.finish(sync=False)
            reason = "We encountered a limitation while uploading the local checkpoint"
            self._over("Failed", f"InternalServerError: {reason} {error}. Please try again.")
        except Exception as error:  # the stand-in's own
            if not self.aws.closing.is_set():
                self._over("Failed", f"InternalServerError: {type(error).__name__}: {error}")
                raise
        finally:
            for host in self.hosts:
                host.kill()
            self._remove_network()

    def _attempt(self) -> bool:
        """Once on instances, from waiting for them to the end; whether there must be another time."""
        self._interruption, self._failed = None, None
        if not self._wait_for_instances():
            return False
        self.attempts += 1
        count = self.request["ResourceConfig"]["InstanceCount"]
        folder = self.aws.folder / self.name / f"attempt-{self.attempts}"
        self.hosts = [Host(self, number, folder) for number in range(1, count + 1)]
        self._since = self.aws.now()
        with self._lock:
            self.description.setdefault("TrainingStartTime", self._since)
        self._state("Downloading", "Downloading input data")
        addresses = self._addresses()
        for host, address in zip(self.hosts, addresses, strict=True):
            host.lay_out(addresses, address)
        self._state("Training", "Training image download completed. Training in progress.")
        ended = self._train() if not self._ending else self._ending
        if ended == "closed":
            return False
        if ended in ("interrupted", "killed"):
            self._used, self._since = self._seconds(), None
            self._remove_network()
            return True
        self._state("Uploading", "Uploading generated training model", "Stopping" if self._ending else "InProgress")
        if ended != "failed":
            self._upload("model", "model.tar.gz")
        self._upload("output/data", "output.tar.gz")
        if ended == "failed":
            assert self._failed is not None
            self._over("Failed", self._failed[0].reason(self._failed[1]))
        else:
            self._over(ended)
        return False

    def _wait_for_instances(self) -> bool:
        """False where the job is over before it had any."""
        if self.attempts:
            self._state("Starting", "Insufficient capacity error from EC2 while launching instances, retrying!")
        while True:
            if self.aws.closing.is_set():
                return False
            cause = self._cause()
            if cause is not None:
                self._over(cause)
                return False
            if not self.aws.no_capacity:
                break
            if not self.spot:
                self._over("Failed", f"CapacityError: {NO_CAPACITY}")
                return False
            time.sleep(TICK)
        self._state("Pending", "Preparing the instances for training")
        return True

    def _cause(self) -> str | None:
        """Why it must end now: it was asked to, or one of its times is up."""
        if self._ending:
            return self._ending
        if self._seconds() > self.limits.get("MaxRuntimeInSeconds", LONGEST):
            return "MaxRuntimeExceeded"
        waited = self.aws.now() - self.description["CreationTime"]
        return "MaxWaitTimeExceeded" if waited > self.limits.get("MaxWaitTimeInSeconds", math.inf) else None

    def _train(self) -> str:
        """Run the hosts' processes to their end: a secondary status, "failed", "interrupted", "killed" or "closed"."""
        for host in self.hosts:
            host.start()
        ended, deadline = None, math.inf
        while True:
            for host in self.hosts:
                host.tend()
            codes = [host.code() for host in self.hosts]
            if None not in codes:
                break
            if any(codes) and ended is None and self._failed is None:
                self._failed = next((host, code) for host, code in zip(self.hosts, codes, strict=True) if code)
                deadline = 0.0  # the others have nothing to wait for
            if ended is None:
                ended = self._asked()
                if ended is not None:
                    deadline = time.monotonic() + (0 if ended in ("closed", "killed") else self.aws.grace)
                    for host in self.hosts:
                        host.terminate() if deadline > time.monotonic() else host.kill()
            if time.monotonic() > deadline:
                for host in self.hosts:
                    host.kill()
            time.sleep(TICK)
        if ended is None and any(codes) and self._failed is None:
            self._failed = next((host, code) for host, code in zip(self.hosts, codes, strict=True) if code)
        for host in self.hosts:
            host.finish(sync=ended not in ("closed", "killed"))
        return ended or ("failed" if self._failed else "Completed")

    def _asked(self) -> str | None:
        if self.aws.closing.is_set():
            return "closed"
        if cause := self._cause():
            self._end(cause)
            return cause
        if self._interruption:
            self._state("Interrupted", "Training job was interrupted: a spot instance was reclaimed")
        return self._interruption

    def _addresses(self) -> list[str]:
        """Hosts' names; of several processes on one machine, addresses that they can reach each other by."""
        if self.aws.docker is not None:
            self.network = f"harness-aws-{os.getpid()}-{self.name}-{self.attempts}"
            docker("network", "create", self.network)
        if self.aws.docker is not None or len(self.hosts) == 1:
            return [host.name for host in self.hosts]
        return [f"127.0.0.1:{port}" for port in self.aws.ports(len(self.hosts))]

    def _remove_network(self) -> None:
        if self.network is not None:
            docker("network", "rm", self.network)
        self.network = None

    def _upload(self, folder: str, name: str) -> None:
        """One archive of that folder of all hosts; none where it is empty."""
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as tar:
            for host in self.hosts:
                root = host.base / folder
                for path in sorted(root.rglob("*")):
                    if path.is_dir() or path.is_file():
                        tar.add(path, path.relative_to(root).as_posix(), recursive=False)
            empty = not tar.getnames()
        if not empty:
            self.aws.put(f"{self._output}/{name}", content.getvalue())
