"""Small trainings and the bits that they end with: `PYTHONPATH=SRC python golden.py OUT.json [CASE ...]`.

SRC is the source folder of any commit whose layout `layout` knows, so one program measures the old code and the new.
OUT.json holds what the bits depend on (`key`, `settings`), what was trained (`source`, `data`), and for each case the
weights' digest, the epochs' rows without times, the results, the digest of each tensor and the time that it took.
"""

import hashlib
import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib import import_module, metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SETTINGS = {
    # a case of other instructions runs in a process of its own, which finds them here
    "ONEDNN_MAX_CPU_ISA": os.environ.get("GOLDEN_ISA", "AVX2"),
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_NUM_INTRAOP_THREADS": "2",
    "TF_NUM_INTEROP_THREADS": "2",
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "tensorflow",
}
os.environ.update(SETTINGS, TF_CPP_MIN_LOG_LEVEL="2")  # before TensorFlow is loaded
os.environ.pop("TF_CONFIG", None)

import numpy as np  # noqa: E402


def layout() -> SimpleNamespace:
    """All that depends on where the code keeps things and how its loop is called. TensorFlow is loaded here.

    train(config, arrays, names, folder, stop, group) gives weights, save, epochs, results, losses, predicted, workers;
    where `stop()` gave a reason it raises `Stopped`, and called again with the same `folder` it resumes. join(hosts,
    own) gives the group of workers, whose `leave` is the last thing that each calls.
    """
    return contract() if importlib.util.find_spec("programs") else reference()


def contract() -> SimpleNamespace:
    """The code as a program that the harness trains."""
    from harness.contract.errors import RunFailed
    from harness.contract.job import Workers
    from harness.frameworks.tensorflow import Replicas
    from harness.worker import checkpoint, clock, loop
    from programs.cifar10 import training
    from programs.cifar10.dataset import Dataset
    from programs.cifar10.evaluation import evaluate, inference
    from programs.cifar10.settings import Training

    def join(hosts: tuple[str, ...], own: int) -> Any:
        return Replicas(Workers(hosts, hosts[own]))

    def train(config: Any, arrays: Any, names: Any, folder: Path, stop: Any, group: Any) -> SimpleNamespace:
        data, group = Dataset(*[*arrays, names]), group or join(("algo-1",), 0)
        steps = training.ResNetTraining(Training(**config), data, group.strategy)
        checkpointer = loop.Checkpointer(folder, "a" * 64, 1e9)
        done = loop.Loop(steps, "images", lambda values: None, checkpointer, clock.Clock(), group, stop).run()
        outcome = done.outcome
        _, losses, predicted = evaluate(inference(steps.trainer.model), data.test_images, data.test_labels)
        assert [row[2] for row in outcome.rows] == list(predicted)
        return SimpleNamespace(
            weights=outcome.weights,
            save=outcome.save,
            epochs=done.epochs,
            results={**outcome.metrics, "test_images": outcome.examples, "confusion": outcome.confusion},
            losses=losses,
            predicted=predicted,
            workers=done.worker_weights,
        )

    return SimpleNamespace(
        source=str(Path(training.__file__).resolve()),
        Stopped=RunFailed,
        train=train,
        join=join,
        digest=checkpoint.digest,
        tensors=checkpoint.tensor_digests,
    )


def reference() -> SimpleNamespace:
    """The code of the reference, which knew nothing but this program."""
    names = ("checkpoint", "fit", "workers", "dataset", "errors", "settings")
    checkpoint, fit, workers, dataset, errors, settings = (import_module(f"harness.{name}") for name in names)

    def join(hosts: tuple[str, ...], own: int) -> Any:
        these = workers.Workers(hosts, hosts[own])
        strategy = workers.strategy(these)
        return SimpleNamespace(strategy=strategy, leave=lambda: workers.wait_for_all(these, strategy))

    def train(config: Any, arrays: Any, names: Any, folder: Path, stop: Any, group: Any) -> SimpleNamespace:
        data, strategy = dataset.Dataset(*[*arrays, names]), group and group.strategy
        keeper = fit.Keeper(folder, "a" * 64, 1e9)
        done = fit.train(settings.Training(**config), data, lambda values: None, keeper, stop, strategy)
        results = done.results()
        return SimpleNamespace(
            weights={weight.path: np.asarray(weight) for weight in done.model.weights},
            save=lambda path: checkpoint.save(done.model, path),
            epochs=done.epochs,
            results={name: results[name] for name in ("test_loss", "test_accuracy", "test_images", "confusion")},
            losses=done.losses,
            predicted=done.predicted,
            workers=done.worker_weights,
        )

    def tensors(weights: Any) -> Any:
        return [(path, checkpoint.digest({path: array})[: checkpoint.SHORT]) for path, array in weights.items()]

    return SimpleNamespace(
        source=str(Path(str(fit.__file__)).resolve()),
        Stopped=errors.ReadRecord,
        train=train,
        join=join,
        digest=checkpoint.digest,
        tensors=tensors,
    )


CONFIG: dict[str, Any] = {
    "resnet_size": 8,
    "resnet_version": 1,
    "epochs": 2,
    "batch_size": 32,
    "learning_rate": 0.05,
    "schedule": "linear",
    "warmup_epochs": 0.5,
    "optimizer": "sgd",
    "muon_rate": 0.05,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 1e-4,
    "label_smoothing": 0.1,
    "augment": True,
    "crop": 4,
    "alternate_flips": False,
    "small_epochs": 0.0,
    "small_resolution": 16,
    "precision": "float32",
    "xla": False,
    "sync_batch_norm": True,
    "num_data_batches": 1,
    "validation_images": 50,
    "seed": 1,
}
CASES: dict[str, dict[str, Any]] = {
    "resnet8 v1": {},
    "resnet8 v1, resumed": {},
    "resnet8 v1, bfloat16": {"precision": "bfloat16"},
    "resnet8 v1, muon": {"optimizer": "muon", "alternate_flips": True, "small_epochs": 0.5},
    "resnet20 v1": {"resnet_size": 20},
    "resnet20 v2": {"resnet_size": 20, "resnet_version": 2},
    "resnet8 v1, two workers": {},
}
# On a processor that has AVX-512 TensorFlow gives oneDNN bfloat16, for which that then needs these instructions. One
# that has not is not changed by the name: oneDNN takes what there is.
ISA = {"resnet8 v1, bfloat16": "AVX512_CORE"}
STOPS = (4, 8)  # the steps, in mid-epoch each, after which the resumed training is stopped
NAMES = ("ash", "beech", "cedar", "date")
IMAGES = (200, 50, 70)  # to train, validate and test: an epoch takes 6 steps
TIMES = ("images_per_second", "seconds")
WORKER_SECONDS = 200


def pixels(count: int, seed: int) -> tuple[Any, Any]:
    """Noise whose colour tells the class, of numbers that numpy promises for good: uint8 [n, 32, 32, 3], int32 [n]."""
    drawn = np.random.PCG64(seed).random_raw(count + count * 384)
    labels = (drawn[:count] % 4).astype(np.int32)
    noise = drawn[count:].astype("<u8").view(np.uint8).reshape(count, 32, 32, 3) % 120
    colours = np.array([[60, 120, 180], [130, 70, 90], [90, 180, 120], [170, 150, 60]], np.int64)
    return (colours[labels][:, None, None, :] + noise - 60).astype(np.uint8), labels


def measured(code: SimpleNamespace, done: SimpleNamespace) -> dict[str, Any]:
    """What a training left, as JSON values."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "model.keras")
        done.save(saved)
        file = hashlib.sha256(saved.read_bytes()).hexdigest()
    return {
        "weights": code.digest(done.weights),
        "worker_weights": list(done.workers),
        "epochs": [{name: value for name, value in row.items() if name not in TIMES} for row in done.epochs],
        "results": {**done.results, "confusion": np.asarray(done.results["confusion"]).tolist()},
        "losses": hashlib.sha256(np.asarray(done.losses, "<f8").tobytes()).hexdigest(),
        "predicted": hashlib.sha256(np.asarray(done.predicted, "<i8").tobytes()).hexdigest(),
        "model.keras": file,
        "tensors": [list(tensor) for tensor in code.tensors(done.weights)],
    }


def uninterrupted(code: SimpleNamespace, config: Any, arrays: Any, group: Any = None) -> SimpleNamespace:
    with tempfile.TemporaryDirectory() as folder:
        done: SimpleNamespace = code.train(config, arrays, NAMES, Path(folder), lambda: None, group)
        return done


def resumed(code: SimpleNamespace, config: Any, arrays: Any) -> SimpleNamespace:
    """Stopped after each step of STOPS by the stop callback, then resumed from the checkpoint that it left."""
    with tempfile.TemporaryDirectory() as folder:
        before = 0
        for step in STOPS:
            asked = iter([None] * (step - before - 1))  # it is asked before each step, which is then still done
            try:
                code.train(config, arrays, NAMES, Path(folder), lambda left=asked: next(left, "enough"), None)
            except code.Stopped as error:
                assert "enough" in str(error), error
            else:
                raise AssertionError(f"not stopped after step {step}")
            assert sorted(path.name for path in Path(folder).iterdir())[-1] == f"step-{step:09d}.ckpt"
            before = step
        done: SimpleNamespace = code.train(config, arrays, NAMES, Path(folder), lambda: None, None)
        return done


def apart(case: str) -> dict[str, Any]:
    """What a process with the case's own instructions measures."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out.json")
        command = [sys.executable, __file__, str(out), case]
        environment = {**os.environ, "GOLDEN_ISA": ISA[case]}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=WORKER_SECONDS)
        found: dict[str, Any] = json.loads(out.read_text())["cases"][case]
    return found


def together(case: str) -> dict[str, Any]:
    """What the chief of two processes measures."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    with tempfile.TemporaryDirectory() as folder:
        outs = [Path(folder, f"{number}.json") for number in range(2)]
        children = [
            subprocess.Popen([sys.executable, __file__, "--worker", str(out), case, str(number), *hosts])
            for number, out in enumerate(outs)
        ]
        try:
            codes = [child.wait(WORKER_SECONDS) for child in children]
        finally:
            for child in children:
                if child.poll() is None:
                    child.kill()
                    child.wait()
        assert codes == [0, 0], codes
        chief, other = (json.loads(out.read_text()) for out in outs)
    assert chief["weights"] == other["weights"]
    assert chief["worker_weights"] == [chief["weights"]] * 2
    found: dict[str, Any] = chief
    return found


def worker(out: str, case: str, own: str, *hosts: str) -> None:
    code = layout()
    group = code.join(hosts, int(own))
    done = uninterrupted(code, {**CONFIG, **CASES[case]}, data(), group)
    assert group.strategy.num_replicas_in_sync == 2
    Path(out).write_text(json.dumps(measured(code, done)))
    group.leave()
    sys.stdout.flush()
    os._exit(0)  # as the worker program does


def data() -> list[Any]:
    return [part for seed, size in enumerate(IMAGES) for part in pixels(size, seed)]


def avx512() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and " avx512f " in info.read_text()


def key() -> str:
    """What stored digests are found by."""
    wide = "avx512" if avx512() else "no avx512"
    return f"tensorflow {metadata.version('tensorflow')}, {platform.machine()}, {wide}"


def main(out: str, *cases: str) -> None:
    arrays = data()
    found: dict[str, Any] = {
        "key": key(),
        "settings": {**SETTINGS, "ONEDNN_MAX_CPU_ISA of": ISA},
        "packages": {name: metadata.version(name) for name in ("tensorflow", "keras", "numpy")},
        "data": hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest(),
        "cases": {},
        "seconds": {},
    }
    for case in cases or CASES:
        began = time.monotonic()
        if case.endswith("two workers"):
            found["cases"][case] = together(case)
        elif ISA.get(case, SETTINGS["ONEDNN_MAX_CPU_ISA"]) != SETTINGS["ONEDNN_MAX_CPU_ISA"]:
            found["cases"][case] = apart(case)
        else:
            code = layout()
            found["source"] = code.source
            train = resumed if case.endswith("resumed") else uninterrupted
            found["cases"][case] = measured(code, train(code, {**CONFIG, **CASES[case]}, arrays))
        found["seconds"][case] = round(time.monotonic() - began, 1)
        print(found["cases"][case]["weights"], f"{found['seconds'][case]:5.1f} s", case, flush=True)
    Path(out).write_text(json.dumps(found, indent=1))
    whole = [found["cases"].get(case) for case in ("resnet8 v1", "resnet8 v1, resumed")]
    assert None in whole or whole[0] == whole[1], "the resumed training is not the uninterrupted one"


if __name__ == "__main__":
    if sys.argv[1] == "--worker":
        worker(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
