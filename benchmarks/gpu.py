"""What the training step does on this machine's GPU: speed, compile time, memory, bits; beside PyTorch's.

    python benchmarks/gpu.py                    all parts, the most telling first; under eight minutes on an H100
    python benchmarks/gpu.py 'xla/*/bfloat16'   the parts whose names match, in the patterns' order; or any part by name
    python benchmarks/gpu.py --jobs 4           four at a time: one measures while the others compile; less exact
    python benchmarks/gpu.py --list             the names of all parts
    python benchmarks/gpu.py --small            a minute's worth on any processor

Needs no data: 50,000 random images. Each part is a process of its own with a time limit; what it has found is written
to OUT (--out, or gpu.jsonl in $OUT or here) at once, and once more when it is done or its time is up. PyTorch's parts
run where this Python, or the one of `make torch`, has it, with PEER_PYTHONPATH as PYTHONPATH and so on. The last line
is JSON:
    device       the GPU, or the processor
    parts        by name: images_per_second (blocks), digest (of all arrays after 400 steps), steps a call, seconds of
                 import, build, first (call: tracing, compiling, one step) and evaluate (5,000 images), gpu_mb at most;
                 or error, with what was found until then
    same_bits    by name: whether all processes that should give one digest did, killed and resumed ones included
    torch_ratio  by size/batch: our fastest over PyTorch's fastest
"""

import argparse
import contextlib
import fcntl
import fnmatch
import hashlib
import json
import os
import platform
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TORCH = ROOT / "benchmarks" / ".venv" / "bin" / "python"
BITS = 400  # steps after which the digest is taken: the second epoch of batches of 128 has begun
KEPT = 150  # the step whose state the killed process leaves
# Named settings of the environment, beside what the harness sets itself.
CONVERT = "FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,DYNAMIC_SLICE_FUSION"
VARIANTS: dict[str, dict[str, str]] = {
    "": {},
    "level0": {"XLA_FLAGS": "--xla_gpu_autotune_level=0"},
    "strict": {"XLA_FLAGS": "--xla_gpu_exclude_nondeterministic_ops=true"},
    "fusions": {"XLA_FLAGS": "--xla_gpu_experimental_enable_fusion_autotuner=true"},
    "graphs": {
        "XLA_FLAGS": f"--xla_gpu_enable_command_buffer={CONVERT},WHILE,CONDITIONAL --xla_gpu_graph_min_graph_size=1"
    },
    "nographs": {"XLA_FLAGS": "--xla_gpu_enable_command_buffer="},
    "triton": {"XLA_FLAGS": "--xla_gpu_enable_triton_gemm=false"},
    "private": {"TF_GPU_THREAD_MODE": "gpu_private", "TF_GPU_THREAD_COUNT": "2"},
    "nchw": {"XLA_FLAGS": "--xla_gpu_force_conv_nchw=true"},
    "verbose": {"LOG": "0", "TF_CPP_VMODULE": "gpu_compiler=1,nvptx_compiler=1,autotuner=1,autotuner_pass=1,cudnn=2"},
    "free": {},  # op determinism off
    "tuned": {"TF_CUDNN_DETERMINISTIC": "1"},  # the same, but cuDNN's algorithms are deterministic ones
}


@dataclass
class Part:
    """One process. `kind` is xla, loop (many steps a call without XLA), step (one), resume or torch."""

    kind: str
    size: int = 20
    batch: int = 128
    precision: str = "bfloat16"
    variant: str = ""
    run: int = 1  # told apart where one is run again for its bits
    limit: float = 75.0
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        words = [self.kind, str(self.size), str(self.batch), self.precision, self.variant]
        return "/".join(word for word in words if word) + (f"#{self.run}" if self.run > 1 else "")


def named(name: str) -> Part:
    """The part of that name: KIND/SIZE/BATCH/PRECISION, then perhaps /VARIANT+VARIANT and #RUN."""
    body, _, run = name.partition("#")
    kind, size, batch, precision, *variant = body.split("/")
    more = {"like": "xla"} if kind == "resume" else {}
    limit = 150.0 if kind == "resume" else 75.0
    return Part(kind, int(size), int(batch), precision, "".join(variant), int(run or 1), limit, more)


def chosen(patterns: list[str], small: bool) -> list[Part]:
    """The parts that the patterns ask for, in their order."""
    every = parts(small)
    found: dict[str, Part] = {}
    for pattern in patterns or ["*"]:
        alike = [part for part in every if fnmatch.fnmatchcase(part.name, pattern)]
        for part in alike or ([] if "*" in pattern else [named(pattern)]):
            found.setdefault(part.name, part)
    return list(found.values())


def parts(small: bool) -> list[Part]:
    """All parts, the most telling first."""
    if small:
        shape: dict[str, Any] = {"size": 8, "batch": 32, "precision": "float32", "limit": 200.0}
        return [
            Part("step", **shape),
            Part("loop", **shape),
            Part("resume", more={"like": "loop"}, **shape),
            Part("xla", **{**shape, "batch": 4}),
            Part("xla", run=2, **{**shape, "batch": 4}),
            Part("torch", **shape),
        ]
    return [
        Part("xla"),
        Part("torch"),
        Part("xla", batch=512),
        Part("torch", batch=512),
        Part("xla", precision="tensorfloat32"),
        Part("xla", precision="float32"),
        Part("xla", size=50),
        Part("torch", size=50),
        Part("xla", run=2),
        Part("resume", more={"like": "xla"}, limit=120),
        Part("xla", precision="float32", run=2),
        Part("xla", precision="tensorfloat32", run=2),
        Part("xla", variant="free"),
        Part("xla", variant="level0"),
        Part("xla", variant="graphs"),
        Part("xla", variant="nographs"),
        Part("xla", variant="strict"),
        Part("xla", variant="triton"),
        Part("xla", size=56),
        Part("xla", size=50, batch=512),
        Part("torch", size=50, batch=512),
        Part("loop", precision="float32"),
        Part("loop", precision="float32", run=2),
        Part("loop", precision="float32", variant="private"),
        Part("loop", precision="tensorfloat32"),
        Part("loop", precision="bfloat16"),
        Part("step", precision="float32"),
        Part("torch", precision="tensorfloat32"),
        Part("torch", precision="float32"),
        Part("torch", variant="eager"),
        Part("torch", variant="deterministic"),
        Part("xla", size=56, batch=512),
        Part("xla", variant="fusions", limit=200),
    ]


def main() -> None:
    """Run the parts that were asked for; prints a line for each, and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", help="of names; all where none is given")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "."), "gpu.jsonl"))
    parser.add_argument("--limit", type=float, help="seconds of a part, where its own are more")
    parser.add_argument("--total", type=float, default=470.0, help="seconds after which no part is begun")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--lock", type=Path, help="a file: what holds it has the device to itself")
    parser.add_argument("--seconds", type=float, help="of each of the three blocks that are timed")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(**arguments.child)
        return
    wanted = chosen(arguments.patterns, arguments.small)
    if arguments.list:
        print(*(part.name for part in wanted), sep="\n")
        return
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, arguments.out.open("a") as out:
        scratch, writing = Path(folder), threading.Lock()

        def run(part: Part) -> dict[str, Any] | None:
            start = time.monotonic()
            left = arguments.total - (start - began)
            if left < 10:
                return None
            limit = min(left, part.limit, arguments.limit or part.limit)
            values: dict[str, Any] = {}
            for values in measured(part, arguments, limit, scratch):
                with writing:
                    keep(out, {"part": part.name, "at": round(time.monotonic() - began, 1), **values})
            values["seconds"] = round(time.monotonic() - start, 1)
            with writing:
                keep(out, {"part": part.name, "done": True, **values})
                print(f"{part.name:28} {json.dumps(values)}", flush=True)
            return values

        with ThreadPoolExecutor(arguments.jobs) as pool:
            found = {part.name: each for part, each in zip(wanted, pool.map(run, wanted), strict=True) if each}
        line = {"device": device(), "parts": found, "same_bits": same_bits(found), "torch_ratio": ratios(found)}
        keep(out, line)
    print(json.dumps(line))


def keep(out: Any, values: dict[str, Any]) -> None:
    """Write a line that outlives whatever comes next."""
    out.write(json.dumps(values) + "\n")
    out.flush()
    os.fsync(out.fileno())


def measured(part: Part, arguments: argparse.Namespace, limit: float, scratch: Path) -> Iterator[dict[str, Any]]:
    """What a part has found so far, again and again; the last is all."""
    end, lock = time.monotonic() + limit, str(arguments.lock or scratch / "lock")
    if part.kind == "torch":
        yield from torch_part(part, arguments, end, lock)
    elif part.kind == "resume":
        folder = scratch / part.name.replace("/", "-")
        folder.mkdir()
        yield {}
        *_, values = our_part(part, arguments, end, {"lock": lock, "kept": str(folder), "until": "killed"})
        if "error" not in values:
            *_, values = our_part(part, arguments, end, {"lock": lock, "kept": str(folder), "until": "digest"})
        yield values
    else:
        yield from our_part(part, arguments, end, {"lock": lock})


def our_part(part: Part, arguments: argparse.Namespace, end: float, more: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The harness's step in a child; it is killed where it says that it may be, and when its time is up."""
    given = {
        "kind": part.more.get("like", part.kind),
        "size": part.size,
        "batch": part.batch,
        "precision": part.precision,
        "deterministic": not {"free", "tuned"} & set(part.variant.split("+")),
        "seconds": arguments.seconds or (0.2 if arguments.small else 1.5),
        "small": arguments.small,
        "threads": arguments.threads,
        **more,
    }
    command = [sys.executable, __file__, "--child", json.dumps(given)]
    log = arguments.out.with_name(f"{part.name.replace('/', '-')}.log") if "verbose" in part.variant else None
    yield from lines(command, {**os.environ, **flags(part.variant)}, end, log)


def flags(variant: str) -> dict[str, str]:
    """A variant's environment; its XLA flags come on top of those that are set."""
    changed: dict[str, str] = {}
    for name in variant.split("+"):
        for key, value in VARIANTS.get(name, {}).items():
            before = changed.get(key, os.environ.get(key, "")) if key == "XLA_FLAGS" else ""
            changed[key] = f"{before} {value}".strip()
    return changed


def torch_part(part: Part, arguments: argparse.Namespace, end: float, lock: str) -> Iterator[dict[str, Any]]:
    """PyTorch's step, in a Python that has it."""
    kept = {**os.environ, **{name[5:]: value for name, value in os.environ.items() if name.startswith("PEER_")}}
    pythons = [python for python in (sys.executable, str(TORCH)) if Path(python).exists()]
    for python in pythons:
        if not subprocess.run([python, "-c", "import torch"], env=kept, capture_output=True).returncode:
            break
    else:
        yield {"error": "PyTorch is not installed"}
        return
    command = [python, str(ROOT / "benchmarks" / "torch_gpu_peer.py"), "--size", str(part.size)]
    command += ["--batch", str(part.batch), "--precision", part.precision]
    command += ["--mode", "eager" if "eager" in part.variant or arguments.small else "compile"]
    command += ["--seconds", str(arguments.seconds or (0.2 if arguments.small else 1.5))]
    command += ["--lock", lock]
    command += ["--deterministic"] if "deterministic" in part.variant else []
    command += ["--images", "2000"] if arguments.small else []
    yield from lines(command, {**kept, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}, end)


def lines(
    command: list[str], environment: dict[str, str], end: float, log: Path | None = None
) -> Iterator[dict[str, Any]]:
    """The union of the JSON lines that a process prints, after each; `error` where it fails or its time is up."""
    values: dict[str, Any] = {}
    with log.open("w+") if log else tempfile.TemporaryFile("w+") as errors:
        running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_listen, args=(running, said), daemon=True).start()
        while True:
            try:
                line = said.get(timeout=max(0.1, end - time.monotonic()))
            except queue.Empty:
                values["error"] = "its time was up"
                break
            if not line:
                break
            if line.startswith("{"):
                values |= json.loads(line)
                if values.pop("kill", False):
                    running.send_signal(signal.SIGKILL)
                    running.wait()
                    values["killed"] = True
                    break
                yield dict(values)
        if "error" in values:
            running.kill()
        code = running.wait()
        if code and not values.get("killed"):
            errors.seek(0)
            tail = [line for line in errors.read().splitlines() if line.strip()][-6:]
            values.setdefault("error", f"exit code {code}")
            values["tail"] = [line[:300] for line in tail]
        yield values


def _listen(running: "subprocess.Popen[str]", said: "queue.Queue[str]") -> None:
    assert running.stdout is not None
    for line in running.stdout:
        said.put(line)
    said.put("")


def same_bits(found: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """By what was trained: whether there is one digest. A resumed training counts to the one it is like."""
    digests: dict[str, list[str]] = {}
    for values in found.values():
        if "digest" in values:
            digests.setdefault(values["trained"], []).append(values["digest"])
    return {name: len(set(each)) == 1 for name, each in digests.items() if len(each) > 1}


def ratios(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """By size/batch: our fastest over PyTorch's, whatever the precision."""
    best: dict[str, dict[bool, float]] = {}
    for name, values in found.items():
        kind, size, batch, *_ = name.split("/")
        if values.get("images_per_second"):
            speed = statistics.median(values["images_per_second"])
            both = best.setdefault(f"{size}/{batch}", {})
            both[kind == "torch"] = max(speed, both.get(kind == "torch", 0))
    return {name: round(both[False] / both[True], 3) for name, both in best.items() if len(both) == 2}


def device() -> str:
    """The GPU's name and driver, or the processor."""
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return platform.processor() or platform.machine()


def say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def child(
    kind: str,
    size: int,
    batch: int,
    precision: str,
    deterministic: bool,
    seconds: float,
    small: bool,
    threads: int,
    lock: str,
    kept: str = "",
    until: str = "",
) -> None:
    """Build, compile, take BITS steps for the digest, time blocks of steps; each finding is a line of JSON."""
    began = time.perf_counter()
    sys.path.insert(0, str(ROOT / "src"))
    from harness.frameworks.tensorflow import TensorFlow

    TensorFlow().configure(threads)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = os.environ.get("LOG", "2")
    import tensorflow as tf

    from harness.worker import checkpoint

    say(import_s=passed(began), xla_flags=os.environ.get("XLA_FLAGS", ""))
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tensorfloat32")
    began = time.perf_counter()
    trainer = our_trainer(size, batch, precision, kind == "xla", 600 if small else 50000)
    trainer.several = kind != "step"
    state = checkpoint.load_latest(Path(kept), "gpu", lambda text: None) if kept else None
    if state:
        trainer.restore(state.step, state.arrays)
    say(build_s=passed(began), gpu=bool(gpus), trained=f"{kind}/{size}/{batch}/{precision}/{deterministic}")
    began = time.perf_counter()
    trainer.advance()
    wait(trainer)
    say(first_s=passed(began))
    with turn(lock):
        steps_and_speed(trainer, kind, seconds, small, kept, until)


def steps_and_speed(trainer: Any, kind: str, seconds: float, small: bool, kept: str, until: str) -> None:
    """What a child does with the device to itself."""
    import tensorflow as tf

    from harness.worker import checkpoint

    last, batch = 30 if small else BITS, trainer.config.batch_size
    most = 1 if kind == "step" else 1000
    took(trainer, min(trainer.step + 10, last), most)
    if until == "killed":
        took(trainer, last // 3 if small else KEPT, most)
        arrays = trainer.arrays()
        checkpoint.write(Path(kept), checkpoint.Checkpoint("gpu", trainer.step, [], arrays))
        say(kept=trainer.step, kill=True)
        while True:  # until the signal comes, most likely inside a call
            trainer.advance(steps=most)
    took(trainer, last, most)
    digest = hashlib.sha256()
    for name, array in sorted(trainer.arrays().items()):
        digest.update(name.encode() + array.tobytes())
    say(digest=digest.hexdigest()[:16], bad_step=trainer.bad_step)
    if until == "digest":
        return
    trainer.advance(steps=most)  # so that the blocks begin with an epoch
    per_step = took(trainer, trainer.step + (3 if small else 100), most) / (3 if small else 100)
    steps = max(1, int(seconds / per_step))
    speeds = [round(steps * batch / took(trainer, trainer.step + steps, most), 1) for _ in range(3)]
    say(images_per_second=speeds, steps_a_call=min(most, steps, trainer.steps_per_epoch))
    count = 100 if small else 5000
    waits = []
    for _ in range(2):
        began = time.perf_counter()
        trainer.infer(trainer.inputs._pixels.numpy()[:count])
        waits.append(passed(began))
    memory = {}
    if tf.config.list_logical_devices("GPU"):
        memory = {"gpu_mb": round(tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20)}
    say(evaluate_s=waits, **memory)


@contextlib.contextmanager
def turn(lock: str) -> Iterator[None]:
    """One process at a time."""
    with Path(lock).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def passed(since: float) -> float:
    return round(time.perf_counter() - since, 2)


def wait(trainer: Any) -> None:
    """Read from the device, and so wait for it."""
    trainer._bad_step.read_value().numpy()


def took(trainer: Any, end: int, most: int) -> float:
    """Seconds of the steps up to `end`."""
    began = time.perf_counter()
    while trainer.step < end:
        trainer.advance(steps=min(most, end - trainer.step))
    wait(trainer)
    return time.perf_counter() - began


def our_trainer(size: int, batch: int, precision: str, xla: bool, images: int) -> Any:
    """The harness's training of random images, as scale=full has it but for what is named; long enough not to end."""
    import numpy as np
    import yaml

    from programs.cifar10.dataset import Dataset
    from programs.cifar10.settings import Training
    from programs.cifar10.step import Trainer

    composed: dict[str, Any] = {}
    for name in ("program/cifar10", "scale_of/cifar10/full"):
        composed |= yaml.safe_load((ROOT / "conf" / f"{name}.yaml").read_text())
    composed |= {"resnet_size": size, "batch_size": batch, "precision": precision, "xla": xla, "epochs": 1000}
    composed |= {"learning_rate": 0.05, "warmup_epochs": 5.0, "augment": True, "small_epochs": 0.0}
    config = Training(**{name: composed[name] for name in Training.__dataclass_fields__})
    drawn = np.random.default_rng(0)
    pixels = drawn.integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
    labels = drawn.integers(0, 10, images).astype(np.int32)
    few = pixels[:1], labels[:1]
    return Trainer(config, Dataset(pixels, labels, *few, *few, tuple("0123456789")))


if __name__ == "__main__":
    main()
