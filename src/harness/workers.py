"""Several workers that train one model: who they are, and the tf.distribute strategy that ties them.

SageMaker names the hosts in a file; TensorFlow wants them in TF_CONFIG.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ReadRecord

PARTING = 1.0  # seconds that the chief stays after the others have been told to go
PORT = 2222  # where a host is named without one
GONE = ("UnavailableError", "AbortedError", "DeadlineExceededError")  # what TensorFlow raises for a lost worker
Strategy = Any  # TensorFlow ships no types


@dataclass(frozen=True)
class Workers:
    """The hosts of one job, each `name` or `name:port`, and which of them this is. The first one is the chief."""

    hosts: tuple[str, ...]
    current: str

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
    return Workers(tuple(found["hosts"]), found["current_host"])


def strategy(workers: Workers) -> Strategy | None:
    """MultiWorkerMirroredStrategy over all hosts and their GPUs; None where one device trains alone.

    It must be made before anything else of TensorFlow's runs.

    Raises:
        RuntimeError: the other hosts did not answer.
    """
    import tensorflow as tf

    if len(workers.hosts) == 1:
        return tf.distribute.MirroredStrategy() if len(tf.config.list_physical_devices("GPU")) > 1 else None
    addresses = [host if ":" in host else f"{host}:{PORT}" for host in workers.hosts]
    task = {"type": "worker", "index": workers.hosts.index(workers.current)}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
    return tf.distribute.MultiWorkerMirroredStrategy()


@contextlib.contextmanager
def loss_told(workers: Workers) -> Iterator[None]:
    """Of TensorFlow's many words about a worker that does not answer, make one line.

    Raises:
        ReadRecord: another worker is gone.
    """
    try:
        yield
    except Exception as error:  # TensorFlow's kinds, which cannot be named before it is imported
        if len(workers.hosts) == 1 or type(error).__name__ not in GONE:
            raise
        raise ReadRecord(f"{workers.current} lost another of the {len(workers.hosts)} workers: it has ended") from error


def gather(together: Strategy | None, text: str) -> list[str]:
    """The texts (ASCII, of at most 64 characters) of all replicas, the chief's first; all workers call it together."""
    import tensorflow as tf

    if together is None:
        return [text]
    own = tf.constant([list(text.ljust(64).encode())], tf.int32)

    def exchange() -> Any:
        return together.run(lambda: tf.distribute.get_replica_context().all_gather(own, axis=0))

    rows = together.experimental_local_results(tf.function(exchange, autograph=False)())[0].numpy()
    return [bytes(row.tolist()).decode().strip() for row in rows]


def wait_for_all(workers: Workers, together: Strategy | None) -> None:
    """Return when every worker has come here; in the chief, a moment later, for the others' messages go through it."""
    if len(workers.hosts) > 1:
        gather(together, "")
        time.sleep(PARTING if workers.chief else 0)
