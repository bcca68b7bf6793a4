"""The environment as it was used: interpreter, libraries, processor, threads. Standard library only.

What is not known is None. `fingerprint` is what bits depend on: two runs with one fingerprint give equal weights.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.contract.program import Runtime
from harness.contract.record import BITS

SMI_SECONDS = 20.0  # that NVIDIA's tool has to answer


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(runtime: Runtime, threads: int, lock: Path, gpus: list[str]) -> dict[str, Any]:
    """Everything above as JSON values.

    Args:
        runtime: the framework, configured.
        threads: the number that it was configured with.
        lock: the training lock that the environment should have been installed from.
        gpus: the accelerators that the framework sees.
    """
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE))
    installed = {name: _version(name) for name in locked}
    cpu, flags = processor()
    variables = (*runtime.variables, *(runtime.gpu_variables if gpus else ()))
    environment: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu,
        "cpu_flags": flags,
        "cores": os.cpu_count(),
        "gpus": gpus,
        "threads": threads,
        "deterministic": runtime.deterministic,
        "settings": {name: os.environ.get(name) for name in variables} | dict(runtime.chosen),
        "framework": f"{runtime.package} {_version(runtime.package)}" if runtime.package else None,
        "packages": installed,
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest(),
        "lock_differences": sorted(name for name, version in locked.items() if installed[name] not in (version, None)),
    }
    bits = json.dumps({name: environment[name] for name in BITS}, sort_keys=True)
    return {**environment, "fingerprint": hashlib.sha256(bits.encode()).hexdigest()}


def gpus() -> list[str]:
    """The GPUs as NVIDIA's driver lists them, for a program whose framework is not loaded here."""
    command = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=SMI_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    lines = (line.split(", ") for line in listed.stdout.splitlines())
    return [f"{name}, capability {capability}, driver {driver}" for name, capability, driver in lines]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None  # a marker excludes it here, or it is missing; the framework's import tells


def processor() -> tuple[str | None, list[str] | None]:
    """Model name and sorted flags: Linux's /proc/cpuinfo; elsewhere what Python knows."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or None, None
    text = info.read_text()
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)
    return model and model[1], sorted(flags[1].split()) if flags else None
