"""What SageMaker's script mode gives a script: variables, files and flags. Standard library only.

https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.contract.job import Workers
from harness.contract.job_folder import JobFolder
from harness.contract.plan import Scalar

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
OWN = ("PYTHONPATH", "SAGEMAKER_BASE_DIR")  # variables of the worker alone
PORT = 2222  # at which workers find the first one, where it is named without a port


def flags(config: Mapping[str, Scalar]) -> list[str]:
    """`--name value` of each setting, as they follow the command's words."""
    return [word for name, value in config.items() for word in (f"--{name}", _text(value))]


def variables(
    folder: JobFolder, config: Mapping[str, Scalar], workers: Workers, threads: int, gpus: int
) -> dict[str, str]:
    """The environment of the script: this process's own, but for what belongs to the worker, and SageMaker's.

    Each folder of the data is a channel of its own too. Hosts are named algo-1, algo-2, …; where the first one listens
    stands in SM_MASTER_ADDR and SM_MASTER_PORT.
    """
    names, current = _hosts(workers)
    channels = {"dataset": folder.dataset, "training": folder.dataset, "train": folder.dataset} | {
        path.name: path for path in sorted(folder.dataset.iterdir()) if path.is_dir() and path.name.isidentifier()
    }
    address, _, port = workers.hosts[0].partition(":")
    told: dict[str, Any] = {
        "SM_HPS": dict(config),
        **{f"SM_HP_{name.upper()}": value for name, value in config.items()},
        "SM_USER_ARGS": flags(config),
        "SM_CHANNELS": list(channels),
        **{f"SM_CHANNEL_{name.upper()}": path for name, path in channels.items()},
        "SM_INPUT_DIR": folder.base / "input",
        "SM_INPUT_CONFIG_DIR": folder.config,
        "SM_MODEL_DIR": folder.models,
        "SM_OUTPUT_DIR": folder.output.parent,
        "SM_OUTPUT_DATA_DIR": folder.extras,
        "SM_CHECKPOINT_DIR": folder.checkpoints,
        "SM_NUM_CPUS": threads,
        "SM_NUM_GPUS": gpus,
        "SM_HOSTS": names,
        "SM_CURRENT_HOST": current,
        "SM_RESOURCE_CONFIG": {"current_host": current, "hosts": names},
        "SM_MASTER_ADDR": address if len(names) > 1 else "127.0.0.1",
        "SM_MASTER_PORT": port or PORT,
    }
    own = {name: value for name, value in os.environ.items() if name not in OWN}
    return {
        **own,
        **{name: _text(value) for name, value in told.items()},
        **dict.fromkeys(THREADS, str(threads)),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def write_files(folder: JobFolder, config: Mapping[str, Scalar], workers: Workers) -> None:
    """Write the settings as config.json and hyperparameters.json, and the hosts, into SM_INPUT_CONFIG_DIR."""
    names, current = _hosts(workers)
    folder.config.mkdir(parents=True, exist_ok=True)
    folder.extras.mkdir(parents=True, exist_ok=True)
    contents = {
        "config.json": dict(config),
        "hyperparameters.json": {name: _text(value) for name, value in config.items()},  # SageMaker's are all texts
        "resourceconfig.json": {"current_host": current, "hosts": names},
    }
    for name, content in contents.items():
        atomic.write(folder.config / name, json.dumps(content, indent=2) + "\n")


def _hosts(workers: Workers) -> tuple[list[str], str]:
    names = [f"algo-{number}" for number in range(1, len(workers.hosts) + 1)]
    return names, names[workers.hosts.index(workers.current)]


def _text(value: Any) -> str:
    """As it stands on a command line: true and false for booleans, JSON for what has parts."""
    return str(value) if isinstance(value, str | Path) else json.dumps(value)
