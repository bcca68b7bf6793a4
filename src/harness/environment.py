"""The environment as it was used: interpreter, libraries, processor, threads. Standard library only.

What is not known is None. `fingerprint` is what bits depend on: two runs with one fingerprint give equal weights.
"""

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

SETTINGS = (
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "NVIDIA_TF32_OVERRIDE",
    "TF_CUDNN_USE_FRONTEND",
)
# Recorded where they are set: none of them is on a machine without a GPU.
GPU_SETTINGS = (
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "TF_CUDNN_USE_AUTOTUNE",
    "TF_CUDNN_DETERMINISTIC",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_GPU_THREAD_MODE",
)
# XLA would compile each reduction with two code generators, to time one against the other.
XLA_GPU_FLAGS = ("--xla_gpu_experimental_enable_fusion_autotuner=false",)
BITS = ("cpu", "cpu_flags", "gpus", "threads", "settings", "deterministic", "tensorflow", "lock")


def configure(threads: int) -> None:
    """Set what TensorFlow reads when it loads; call it before that.

    oneDNN is off by default on processors without AVX-512, where it doubles the speed; threads change the order of
    additions and so the bits. Two operations at a time, each on all threads, fill each other's gaps; a GPU is fed by as
    many as there are threads. XLA's flags are added to those that are set, unless they are among them.
    """
    gpu = has_gpu()
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = str(threads if gpu else min(threads, 2))
    if gpu:
        given = os.environ.get("XLA_FLAGS", "").split()
        named = {flag.split("=")[0] for flag in given}
        os.environ["XLA_FLAGS"] = " ".join(
            [*given, *(flag for flag in XLA_GPU_FLAGS if flag.split("=")[0] not in named)]
        )
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    os.environ["KERAS_BACKEND"] = "tensorflow"


def has_gpu() -> bool:
    """Whether NVIDIA's driver is there."""
    return Path("/dev/nvidiactl").exists()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(threads: int, lock: Path, gpus: list[str], deterministic: bool) -> dict[str, Any]:
    """Everything above as JSON values.

    Args:
        threads: the number that `configure` was given.
        lock: the training lock that the environment should have been installed from.
        gpus: names of the accelerators that TensorFlow sees.
        deterministic: whether op determinism is on.
    """
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE))
    installed = {name: _version(name) for name in locked}
    cpu, flags = processor()
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu,
        "cpu_flags": flags,
        "cores": os.cpu_count(),
        "gpus": gpus,
        "threads": threads,
        "deterministic": deterministic,
        "settings": {
            **{name: os.environ.get(name) for name in SETTINGS},
            **{name: os.environ[name] for name in GPU_SETTINGS if name in os.environ},
        },
        "tensorflow": installed["tensorflow"],
        "packages": installed,
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest(),
        "lock_differences": sorted(name for name, version in locked.items() if installed[name] not in (version, None)),
    }
    bits = json.dumps({name: found[name] for name in BITS}, sort_keys=True)
    return {**found, "fingerprint": hashlib.sha256(bits.encode()).hexdigest()}


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


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None  # a marker excludes it here, or it is missing; TensorFlow's import tells


def processor() -> tuple[str | None, list[str] | None]:
    """Model name and sorted flags: Linux's /proc/cpuinfo; elsewhere what Python knows."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or None, None
    text = info.read_text()
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)
    return model and model[1], sorted(flags[1].split()) if flags else None
