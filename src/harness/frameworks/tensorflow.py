"""Several workers that train one model: who they are, and the tf.distribute strategy that ties them.

SageMaker names the hosts in a file; TensorFlow wants them in TF_CONFIG.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any

from harness.contract.errors import RunFailed
from harness.contract.job import Workers

PARTING = 1.0  # seconds that the chief stays after the others have been told to go
PORT = 2222  # where a host is named without one
GONE = ("UnavailableError", "AbortedError", "DeadlineExceededError")  # what TensorFlow raises for a lost worker
Strategy = Any  # TensorFlow ships no types


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
        RunFailed: another worker is gone.
    """
    try:
        yield
    except Exception as error:  # TensorFlow's kinds, which cannot be named before it is imported
        if len(workers.hosts) == 1 or type(error).__name__ not in GONE:
            raise
        raise RunFailed(f"{workers.current} lost another of the {len(workers.hosts)} workers: it has ended") from error


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


import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def configure(threads: int) -> None:
    """Set what TensorFlow reads when it loads; call it before that.

    oneDNN is off by default on processors without AVX-512, where it doubles the speed; threads change the order of
    additions and so the bits. Two operations at a time, each on all threads, fill each other's gaps.
    """
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = str(min(threads, 2))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    os.environ["KERAS_BACKEND"] = "tensorflow"


@contextmanager
def native_stderr_off() -> Iterator[None]:
    """TensorFlow's libraries write to file descriptor 2 while they load, whatever the log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


import io
import tempfile
import zipfile
from typing import Any

import numpy as np

from harness.contract import atomic
from harness.worker.checkpoint import SHORT, digest

STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold


def weight_digest(model: Any) -> str:
    """The digest of all weights of a Keras model."""
    return digest({weight.path: np.asarray(weight) for weight in model.weights})


def tensor_digests(model: Any) -> tuple[tuple[str, ...], ...]:
    """(path, first 16 digits of its digest) of each weight of a Keras model, in the network's order."""
    named = [(weight.path, np.asarray(weight)) for weight in model.weights]
    return tuple((path, digest({path: array})[:SHORT]) for path, array in named)


def save(model: Any, path: Path) -> None:
    """Write a `.keras` file that appears whole or not at all; equal weights give equal bytes.

    Keras puts the time and the addresses of objects into the file; both are replaced by constants.

    Raises:
        OSError: as the file system says.
    """
    import keras

    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "model.keras")
        keras.saving.save_model(model, raw)
        with zipfile.ZipFile(raw) as source, zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as target:
            for name in sorted(source.namelist()):
                data = source.read(name)
                if name.endswith(".json"):
                    data = json.dumps(_stable(json.loads(data), {}), sort_keys=True).encode()
                target.writestr(zipfile.ZipInfo(name, STAMP), data)
    atomic.write(path, content.getvalue())


def _stable(value: Any, ids: dict[int, int]) -> Any:
    if isinstance(value, list):
        return [_stable(item, ids) for item in value]
    if not isinstance(value, dict):
        return value
    stable = {name: _stable(item, ids) for name, item in value.items()}
    if "shared_object_id" in stable:
        stable["shared_object_id"] = ids.setdefault(stable["shared_object_id"], len(ids))
    if "date_saved" in stable:
        stable["date_saved"] = "1980-01-01@00:00:00"
    return stable


import tensorflow as tf


def devices() -> list[str]:
    """The GPUs that TensorFlow sees, each with what its bits depend on: model, compute capability, CUDA and cuDNN.

    Their memory is then taken as it is needed, not all at once.
    """
    gpus, built = tf.config.list_physical_devices("GPU"), tf.sysconfig.get_build_info()
    versions = ", ".join(f"{name} {built.get(f'{name}_version')}" for name in ("cuda", "cudnn"))
    found = []
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
        details = tf.config.experimental.get_device_details(gpu)
        found.append(f"{details.get('device_name')}, capability {details.get('compute_capability')}, {versions}")
    return found
