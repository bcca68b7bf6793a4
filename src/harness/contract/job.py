"""What a training is told about the job that it runs in: its workers, its threads, its data."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.contract.plan import DatasetId


@dataclass(frozen=True)
class Workers:
    """The hosts of one job, each `name` or `name:port`, and which of them this is. The first one is the chief.

    `interface` is the network interface that they reach each other by; None where that is not told.
    """

    hosts: tuple[str, ...]
    current: str
    interface: str | None = None

    @property
    def chief(self) -> bool:
        """Whether this one writes checkpoints, reports and the model."""
        return self.current == self.hosts[0]


def read(resources: Path) -> Workers:
    """The job's hosts from SageMaker's resourceconfig.json; one host alone where there is no such file.

    All hosts find them in one order. The file's form: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
    """
    if not resources.exists():
        return Workers(("algo-1",), "algo-1")
    found = json.loads(resources.read_text())
    return Workers(tuple(found["hosts"]), found["current_host"], found.get("network_interface_name"))


class Group:
    """The workers of one job, tied together. This one is alone; a framework's own class exchanges messages."""

    def gather(self, text: str) -> list[str]:
        """The texts (ASCII, at most 64 characters) of all replicas, the chief's first; all workers call it together."""
        return [text]

    @contextlib.contextmanager
    def lost_workers_named(self) -> Iterator[None]:
        """Turn a framework's errors about an unreachable worker into one error.

        Raises:
            RunFailed: another worker is gone.
        """
        yield

    def leave(self) -> None:
        """Return when every worker has called it: the last thing that a worker does."""


@dataclass(frozen=True)
class Job:
    """Where a training runs.

    Attributes:
        workers: the hosts, and which of them this is.
        group: the same hosts as the framework ties them together.
        threads: that this worker may use.
        dataset: what the data folder holds; the harness has verified it.
    """

    workers: Workers
    group: Group
    threads: int
    dataset: DatasetId
