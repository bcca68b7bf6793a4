"""What belongs to TensorFlow: its settings, its devices, its workers, its model file."""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.contract.errors import RunFailed
from harness.contract.job import Group, Workers
from harness.contract.program import Runtime
from harness.contract.steps import Arrays
from harness.frameworks import meeting

# Keras imports these where it can: seconds, for nothing here.
UNWANTED = ("sklearn", "pandas", "matplotlib", "IPython")
PARTING = 1.0  # seconds that the chief stays after the others have been told to go
PORT = 2222  # where a host is named without one
GONE = ("UnavailableError", "AbortedError", "DeadlineExceededError")  # what TensorFlow raises for a lost worker
# XLA would compile each reduction with two code generators, to time one against the other.
XLA_GPU_FLAGS = ("--xla_gpu_experimental_enable_fusion_autotuner=false",)
STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
Strategy = Any  # TensorFlow ships no types


class TensorFlow(Runtime):
    """TensorFlow with op determinism."""

    package = "tensorflow"
    capability = (7, 5)  # cuDNN's since 9.11: on an older GPU a convolution ends in a segmentation fault
    variables = (
        "TF_ENABLE_ONEDNN_OPTS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "ONEDNN_MAX_CPU_ISA",
        "NVIDIA_TF32_OVERRIDE",
        "TF_CUDNN_USE_FRONTEND",
    )
    gpu_variables = (
        "XLA_FLAGS",
        "TF_XLA_FLAGS",
        "TF_CUDNN_USE_AUTOTUNE",
        "TF_CUDNN_DETERMINISTIC",
        "TF_FORCE_GPU_ALLOW_GROWTH",
        "TF_GPU_THREAD_MODE",
    )

    def configure(self, threads: int) -> None:
        """Set what TensorFlow reads when it loads, and keep Keras from importing what nobody needs here.

        oneDNN is off by default on processors without AVX-512, where it doubles the speed; threads change the order of
        additions and so the bits. Two operations at a time, each on all threads, fill each other's gaps; a GPU is fed
        by as many as there are threads. XLA's flags are added to those that are set, unless they are among them.
        """
        set_environment(threads)
        sys.modules.update(dict.fromkeys(UNWANTED))  # type: ignore[arg-type]  # None makes their import fail

    def devices(self) -> list[str]:
        """The GPUs: model, compute capability, CUDA and cuDNN; memory is taken as it is needed."""
        import tensorflow as tf

        gpus, built = tf.config.list_physical_devices("GPU"), tf.sysconfig.get_build_info()
        versions = ", ".join(f"{name} {built.get(f'{name}_version')}" for name in ("cuda", "cudnn"))
        described = []
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
            details = tf.config.experimental.get_device_details(gpu)
            described.append(
                f"{details.get('device_name')}, capability {details.get('compute_capability')}, {versions}"
            )
        return described

    def join(self, workers: Workers) -> "Replicas":
        """A distribution strategy over all hosts and their GPUs."""
        return Replicas(workers)


def set_environment(threads: int) -> None:
    """Set TensorFlow's and Keras's environment variables; they are read when TensorFlow loads."""
    gpu = Path("/dev/nvidiactl").exists()  # NVIDIA's driver is there
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = str(threads if gpu else min(threads, 2))
    if gpu:
        flags = os.environ.get("XLA_FLAGS", "").split()
        named = {flag.split("=")[0] for flag in flags}
        flags += [flag for flag in XLA_GPU_FLAGS if flag.split("=")[0] not in named]
        os.environ["XLA_FLAGS"] = " ".join(flags)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    os.environ["KERAS_BACKEND"] = "tensorflow"


class Replicas(Group):
    """The workers of one job and their GPUs.

    `strategy` is MultiWorkerMirroredStrategy over all hosts, MirroredStrategy over several GPUs of one, or None where
    one device trains alone.

    Raises:
        RuntimeError: the other hosts did not answer.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.strategy = _strategy(workers)

    def gather(self, text: str) -> list[str]:
        import tensorflow as tf

        strategy = self.strategy
        if strategy is None:
            return [text]
        own = tf.constant([list(text.ljust(64).encode())], tf.int32)

        def exchange() -> Any:
            return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(own, axis=0))

        rows = strategy.experimental_local_results(tf.function(exchange, autograph=False)())[0].numpy()
        return [bytes(row.tolist()).decode().strip() for row in rows]

    @contextlib.contextmanager
    def lost_workers_named(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # TensorFlow's kinds, which cannot be named before it is imported
            hosts = self.workers.hosts
            if len(hosts) == 1 or type(error).__name__ not in GONE:
                raise
            raise RunFailed(f"{self.workers.current} lost another of the {len(hosts)} workers: it has ended") from error

    def leave(self) -> None:
        """Wait for all; the chief stays a moment longer, for the others' messages go through it."""
        if len(self.workers.hosts) > 1:
            self.gather("")
            time.sleep(PARTING if self.workers.chief else 0)


def _strategy(workers: Workers) -> Strategy | None:
    """It must be made before anything else of TensorFlow's runs."""
    import tensorflow as tf

    if len(workers.hosts) == 1:
        return tf.distribute.MirroredStrategy() if len(tf.config.list_physical_devices("GPU")) > 1 else None
    meeting.meet(workers, PORT)
    addresses = [host if ":" in host else f"{host}:{PORT}" for host in workers.hosts]
    if workers.interface:  # several networks may be there; NCCL would guess
        os.environ.setdefault("NCCL_SOCKET_IFNAME", workers.interface)
    task = {"type": "worker", "index": workers.hosts.index(workers.current)}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
    return tf.distribute.MultiWorkerMirroredStrategy()


@contextlib.contextmanager
def native_stderr_off() -> Iterator[None]:
    """TensorFlow's libraries write to file descriptor 2 while they load, whatever the log level."""
    sys.stderr.flush()
    duplicate = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(duplicate, 2)
        os.close(duplicate)


def weights(model: Any) -> Arrays:
    """The weights of a Keras model by path, in its own order."""
    import numpy as np

    return {weight.path: np.asarray(weight) for weight in model.weights}


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
