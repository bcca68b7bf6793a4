"""What belongs to TensorFlow: its model file, its environment, its lost workers."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harness.contract.errors import RunFailed
from harness.contract.job import Workers
from harness.frameworks import tensorflow
from tests.support import small_data  # sets TensorFlow's environment: before keras

import keras  # isort: skip

assert small_data
SOURCE = Path(tensorflow.__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own


def model(seed: int = 1) -> keras.Model:
    inputs = keras.Input((4,), name="points")
    outputs = keras.layers.Dense(2, name="logits")(keras.layers.Dense(3, name="first")(inputs))
    built = keras.Model(inputs, outputs, name="small")
    random = np.random.default_rng(seed)
    built.set_weights([random.normal(size=weight.shape).astype(np.float32) for weight in built.weights])
    return built


def test_equal_weights_are_saved_as_equal_bytes(tmp_path: Path) -> None:
    tensorflow.save(model(), tmp_path / "one.keras")
    time.sleep(2.1)  # the clock of a zip file ticks every two seconds
    tensorflow.save(model(), tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    tensorflow.save(model(seed=2), tmp_path / "other.keras")
    assert (tmp_path / "one.keras").read_bytes() != (tmp_path / "other.keras").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.keras", "other.keras", "two.keras"]


def test_what_is_saved_is_opened_by_keras_with_the_same_weights(tmp_path: Path) -> None:
    tensorflow.save(model(), tmp_path / "model.keras")
    opened, expected = (
        tensorflow.weights(each) for each in (keras.saving.load_model(tmp_path / "model.keras"), model())
    )
    assert list(opened) == list(expected) == ["first/kernel", "first/bias", "logits/kernel", "logits/bias"]
    for path, array in expected.items():
        np.testing.assert_array_equal(opened[path], array)


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.keras"
    tensorflow.save(model(), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        tensorflow.save(model(seed=2), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]
    assert path.read_bytes() == before


def test_one_worker_without_gpus_trains_without_a_strategy_and_gathers_its_own_text() -> None:
    alone = tensorflow.TensorFlow().join(Workers(("algo-1",), "algo-1"))
    assert alone.strategy is None
    assert alone.gather("text") == ["text"]
    alone.leave()


class UnavailableError(Exception):
    """Named as TensorFlow's."""


def group(*hosts: str) -> tensorflow.Replicas:
    """A group that is not tied together."""
    replicas = tensorflow.Replicas.__new__(tensorflow.Replicas)
    replicas.workers, replicas.strategy = Workers(hosts, hosts[0]), None
    return replicas


def test_a_lost_worker_is_one_line_and_any_other_error_stays_what_it_is() -> None:
    two = group("algo-1", "algo-2")
    with (
        pytest.raises(RunFailed, match=r"^algo-1 lost another of the 2 workers: it has ended$"),
        two.lost_workers_named(),
    ):
        raise UnavailableError("Graph execution error:\n\n many lines")
    with pytest.raises(ValueError, match="mine"), two.lost_workers_named():
        raise ValueError("mine")
    with pytest.raises(UnavailableError), group("algo-1").lost_workers_named():
        raise UnavailableError


def test_configuring_sets_what_tensorflow_reads_and_imports_nothing_of_it() -> None:
    program = (
        "import os, sys\n"
        "from harness.frameworks.tensorflow import TensorFlow\n"
        "runtime = TensorFlow(); runtime.configure(3)\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & {*sys.modules}, 'imported'\n"
        "print(*(os.environ[name] for name in ('TF_ENABLE_ONEDNN_OPTS', 'TF_NUM_INTRAOP_THREADS',\n"
        "        'TF_NUM_INTEROP_THREADS', 'KERAS_BACKEND')), 'TF_NUM_INTRAOP_THREADS' in runtime.variables)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS"))}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env={**environment, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "3", "2", "tensorflow", "True"]


@pytest.mark.parametrize(
    ("gpu", "given", "threads", "flags"),
    [
        (False, None, "2", None),
        (True, None, "8", " ".join(tensorflow.XLA_GPU_FLAGS)),
        (True, f"--a=b {tensorflow.XLA_GPU_FLAGS[0].replace('false', 'true')}", "8", "as given"),
    ],
)
def test_a_gpu_gets_threads_and_flags_that_a_processor_does_not(
    gpu: bool, given: str | None, threads: str, flags: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"XLA_FLAGS": given} if given else {})
    really = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: gpu if str(path) == "/dev/nvidiactl" else really(path))
    tensorflow.set_environment(8)
    assert os.environ["TF_NUM_INTEROP_THREADS"] == threads
    assert os.environ.get("XLA_FLAGS") == (given if flags == "as given" else flags)


def test_of_several_networks_the_one_that_the_job_names_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    monkeypatch.setenv("NCCL_SOCKET_IFNAME", "unset")
    monkeypatch.delenv("NCCL_SOCKET_IFNAME")
    monkeypatch.setenv("TF_CONFIG", "")
    monkeypatch.setattr(tensorflow.meeting, "meet", lambda *_: None)
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: os.environ["NCCL_SOCKET_IFNAME"])
    assert tensorflow.Replicas(Workers(("algo-1", "algo-2"), "algo-1", "ens5")).strategy == "ens5"


JOINS = """
import os, sys
from harness.contract.errors import RunFailed
from harness.contract.job import Workers
from harness.frameworks.tensorflow import TensorFlow
from harness.worker.__main__ import Stop
runtime, stop = TensorFlow(), Stop()
runtime.configure(1)
stop.listen()
try:
    runtime.join(Workers(tuple(sys.argv[1:]), sys.argv[1]))
except RunFailed as error:
    print(error, flush=True)
os._exit(0)
"""


def free_ports() -> list[int]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in (one, other)]


def listens(host: str) -> bool:
    address, port = host.split(":")
    with socket.socket() as client:
        return client.connect_ex((address, int(port))) == 0


@pytest.mark.slow
def test_a_worker_that_waits_for_the_others_obeys_a_stop() -> None:
    hosts = [f"127.0.0.1:{port}" for port in free_ports()]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", JOINS, *hosts]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        try:
            deadline = time.monotonic() + 60
            while not listens(hosts[0]) and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1)  # from here on it waits for the other
            child.terminate()
            told, _ = child.communicate(timeout=20)
        finally:
            child.kill()
    assert told == "stopped by SIGTERM\n"
