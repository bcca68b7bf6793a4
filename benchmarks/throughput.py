"""How fast a training step is, against Keras's `fit` and PyTorch on the same machine in the same call.

    python benchmarks/throughput.py                 ResNet-20, 32 and 50, 5 pairs; about 20 minutes on two cores
    python benchmarks/throughput.py --sizes 20 --pairs 3

PyTorch has the environment of program=script, which `make torch` makes, and to which it links benchmarks/.venv.

Version 1 at batch 128, random images. Each contender is a process that waits for its turn; all take turns in blocks of
steps, and each figure is the median over pairs of neighbouring blocks. The last line is JSON:
    keras_ratio          by size: ours (augmentation and determinism on) over `fit` on the same model, Keras's defaults
    torch_ratio          by size: ours over PyTorch's eager mode in channels_last, with the same augmentation
    torch_compile_ratio  by size: ours over the same with torch.compile; null where it does not compile here
    peak_share           by size: floating-point work done over what a matrix product of the same minute does
    determinism_cost     size 20: share of the speed that op determinism takes
    time_growth          size 20: time per image with 50,000 images in memory, over 10,000
    peak_rss_gb          most memory of a whole run of size 20 with all data: 45,000 images and the evaluations
    first_step_s         size 20: from process start to the end of the first step, less TensorFlow's own import
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TORCH = ROOT / "benchmarks" / ".venv" / "bin" / "python"
BATCH = 128
BLOCK = 6.0  # seconds of steps between two turns, about
GFLOP = {20: 0.246, 32: 0.414, 50: 0.665}  # per trained image; three times the forward pass's multiply-adds, times two


def main() -> None:
    """Run the contenders in turn; prints what each did per second (images, or GFLOP of a matrix product)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=[20, 32, 50])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--images", type=int, default=10000, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        CONTENDERS[arguments.contender](arguments)
        return
    found: dict[str, Any] = {name: {} for name in ("keras_ratio", "torch_ratio", "torch_compile_ratio", "peak_share")}
    for size in arguments.sizes:
        speeds = in_turn(
            {
                "ours": contender("ours", size, arguments),
                "keras": contender("keras", size, arguments),
                "torch": torch_peer(size, arguments),
                "torch compiled": torch_peer(size, arguments, "--compile"),
                "matrix product": contender("matmul", size, arguments),
            },
            arguments.pairs,
        )
        for name, values in speeds.items():
            unit = "GFLOP/s" if name == "matrix product" else "images/s"
            print(
                f"ResNet-{size:<3} {name:15} {values and statistics.median(values):8.1f} {unit}  {values}", flush=True
            )
        found["keras_ratio"][size] = ratio(speeds["ours"], speeds["keras"])
        found["torch_ratio"][size] = ratio(speeds["ours"], speeds["torch"])
        found["torch_compile_ratio"][size] = ratio(speeds["ours"], speeds["torch compiled"])
        peak = ratio(speeds["ours"], speeds["matrix product"])
        found["peak_share"][size] = peak and round(peak * GFLOP[size], 3)
    speeds = in_turn(
        {
            "ours": contender("ours", 20, arguments),
            "without determinism": contender("free", 20, arguments),
            "50,000 images": contender("ours", 20, arguments, "--images", "50000"),
        },
        arguments.pairs,
    )
    for name, values in speeds.items():
        print(f"ResNet-20 {name}: {values}", flush=True)
    free, growth = ratio(speeds["ours"], speeds["without determinism"]), ratio(speeds["ours"], speeds["50,000 images"])
    found |= {"determinism_cost": free and round(1 - free, 3), "time_growth": growth}
    found |= whole_run(arguments.threads, min(3, arguments.pairs))
    print(json.dumps(found))


def ratio(ours: list[float] | None, theirs: list[float] | None) -> float | None:
    """The median over pairs of blocks."""
    if not ours or not theirs:
        return None
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def in_turn(contenders: "dict[str, subprocess.Popen[str]]", pairs: int) -> dict[str, list[float] | None]:
    """What each contender did per second in each of `pairs` blocks; None for one that died."""
    speeds: dict[str, list[float] | None] = {}
    steps = {}
    for name, child in contenders.items():  # warm up, one after the other, and find the length of a block
        first = [turn(child, 3), turn(child, 6)]
        speeds[name] = None if None in first else []
        if first[1] is not None:
            steps[name] = max(1, round(BLOCK * first[1] / (1 if name == "matrix product" else BATCH)))
    steps["matrix product"] = 20
    for _ in range(pairs):
        for name, child in contenders.items():
            values = speeds[name]
            if values is not None:
                speed = turn(child, steps[name])
                speeds[name] = None if speed is None else [*values, round(speed, 1)]
    for child in contenders.values():
        assert child.stdin is not None
        child.stdin.close()
        child.wait()
    return speeds


def turn(child: "subprocess.Popen[str]", steps: int) -> float | None:
    """Let a contender take as many steps: what it did per second, None where it died."""
    assert child.stdin is not None and child.stdout is not None
    try:
        print(steps, file=child.stdin, flush=True)
    except BrokenPipeError:
        return None
    line = child.stdout.readline()
    return float(line) if line else None


def start(*command: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )


def contender(name: str, size: int, arguments: argparse.Namespace, *more: str) -> "subprocess.Popen[str]":
    threads = str(arguments.threads)
    return start(sys.executable, __file__, "--contender", name, "--sizes", str(size), "--threads", threads, *more)


def torch_peer(size: int, arguments: argparse.Namespace, *more: str) -> "subprocess.Popen[str]":
    if not TORCH.exists():
        sys.exit("error: PyTorch is not installed for the benchmarks; type: make torch")
    peer = str(ROOT / "benchmarks" / "torch_peer.py")
    return start(str(TORCH), peer, "speed", "--size", str(size), "--threads", str(arguments.threads), *more)


def answer(step: Callable[[], Any], work: float) -> None:
    """A contender's loop: for each number on stdin take as many steps, and print `work` times steps per second."""
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            last = step()
        float(last)  # waits for what has not been done yet
        print(int(line) * work / (time.perf_counter() - began), flush=True)


def random_images(count: int) -> tuple[Any, Any]:
    import numpy as np

    drawn = np.random.default_rng(0)
    images = drawn.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return images, drawn.integers(0, 10, count).astype(np.int32)


def ours(arguments: argparse.Namespace, deterministic: bool = True) -> None:
    """The training step as the worker runs it."""
    trainer = our_trainer(arguments, deterministic)

    def step() -> int:
        trainer.advance()
        return trainer.step

    answer(step, BATCH)


def our_trainer(arguments: argparse.Namespace, deterministic: bool = True, data: Any = None) -> Any:
    sys.path.insert(0, str(ROOT / "src"))
    from harness.frameworks.tensorflow import TensorFlow

    TensorFlow().configure(arguments.threads)
    import yaml

    from programs.cifar10.dataset import Dataset
    from programs.cifar10.settings import Training
    from programs.cifar10.step import Trainer

    if deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    composed: dict[str, Any] = {}
    for name in ("program/cifar10", "scale_of/cifar10/full"):
        composed |= yaml.safe_load((ROOT / "conf" / f"{name}.yaml").read_text())
    composed |= {"resnet_size": arguments.sizes[0]}
    config = Training(**{name: composed[name] for name in Training.__dataclass_fields__})
    if data is None:
        images, labels = random_images(arguments.images)
        data = Dataset(images, labels, images[:1], labels[:1], images[:1], labels[:1], tuple("0123456789"))
    return Trainer(config, data)


def keras_fit(arguments: argparse.Namespace) -> None:
    """`fit` on the same Keras model, with SGD and nothing else set; no augmentation."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(arguments.threads)
    sys.path.insert(0, str(ROOT / "src"))
    import keras

    from programs.cifar10 import resnet

    model = resnet.build(arguments.sizes[0], 1, 10, (120.0, 120.0, 120.0), (60.0, 60.0, 60.0))
    resnet.initialise(model, 0)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    images, labels = random_images(arguments.images)
    for line in sys.stdin:
        count, done = int(line), 0
        began = time.perf_counter()
        while done < count:
            part = min(count - done, len(images) // BATCH)
            model.fit(images[: part * BATCH], labels[: part * BATCH], BATCH, verbose=0)
            done += part
        print(count * BATCH / (time.perf_counter() - began), flush=True)


def matmul(arguments: argparse.Namespace) -> None:
    """What the cores can do: a matrix product of 2048 x 2048 in TensorFlow with oneDNN, in GFLOP per second."""
    sys.path.insert(0, str(ROOT / "src"))
    from harness.frameworks.tensorflow import TensorFlow

    TensorFlow().configure(arguments.threads)
    import tensorflow as tf

    a = tf.random.stateless_uniform([2048, 2048], (1, 2))
    answer(lambda: tf.matmul(a, a)[0, 0], 2 * 2048**3 / 1e9)


def whole(arguments: argparse.Namespace) -> None:
    """All data, steps, evaluations and files of a run; prints when the first step was done, and the peak of memory."""
    sys.path.insert(0, str(ROOT / "src"))
    from harness.frameworks import tensorflow

    tensorflow.TensorFlow().configure(arguments.threads)
    from harness.worker import checkpoint
    from programs.cifar10 import dataset, evaluation

    data = dataset.load(Path(os.environ["DATA"]), 5, 5000, 0)
    trainer = our_trainer(arguments, data=data)
    trainer.advance()
    first = time.time() - float(os.environ["STARTED"])
    for _ in range(20):
        trainer.advance()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.write(Path(folder), checkpoint.Checkpoint("", trainer.step, [], trainer.arrays()))
        evaluation.evaluate(trainer.infer, data.validation_images, data.validation_labels)
        evaluation.evaluate(evaluation.inference(trainer.model), data.test_images, data.test_labels)
        tensorflow.save(trainer.model, Path(folder, "model.keras"))
    print(first, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def whole_run(threads: int, pairs: int) -> dict[str, float]:
    """Peak memory, and the time to the first step less TensorFlow's import, medians of runs in turn."""
    firsts, memory = [], []
    with tempfile.TemporaryDirectory() as scratch:
        data = os.environ.get("CIFAR10_DIR") or write_random(Path(scratch))
        for _ in range(pairs):
            began = time.time()
            subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, capture_output=True)
            alone, began = time.time() - began, time.time()
            command = [sys.executable, __file__, "--contender", "whole", "--sizes", "20", "--threads", str(threads)]
            environment = {**os.environ, "STARTED": str(began), "DATA": data}
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            first, peak = map(float, done.stdout.split())
            firsts.append(first - alone)
            memory.append(peak)
            print(f"first step after {first:.1f} s, import tensorflow {alone:.1f} s, {peak:.2f} GB", flush=True)
    return {"peak_rss_gb": round(max(memory), 2), "first_step_s": round(statistics.median(firsts), 1)}


def write_random(folder: Path) -> str:
    """CIFAR-10's files with random images."""
    sys.path.insert(0, str(ROOT / "src"))
    import numpy as np

    from programs.cifar10 import files
    from programs.cifar10.host import sample

    drawn = np.random.default_rng(0)
    (folder / files.BATCHES).mkdir()
    (folder / files.META).write_bytes(sample.meta_file(10000, tuple("0123456789")))
    for path in (*files.TRAIN, files.TEST):
        pixels, labels = drawn.integers(0, 256, (10000, 3072), dtype=np.uint8), drawn.integers(0, 10, 10000)
        content = sample.batch_file(path, labels.tolist(), pixels, [f"{number}.png" for number in range(10000)])
        (folder / path).write_bytes(content)
    return str(folder)


CONTENDERS: dict[str, Callable[[argparse.Namespace], None]] = {
    "ours": ours,
    "free": lambda arguments: ours(arguments, deterministic=False),
    "keras": keras_fit,
    "matmul": matmul,
    "whole": whole,
}


if __name__ == "__main__":
    main()
