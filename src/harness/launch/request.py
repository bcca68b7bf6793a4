"""What the SageMaker SDK is asked for: one request, the same here and there but for what placement means.

Pure: JSON values from a plan and the places of its inputs. `trainer.py` makes a
`ModelTrainer` of it, `dry_run` prints it.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.contract import bundle
from harness.contract.plan import DatasetId, RunPlan

COMMAND = "exec python -m harness.worker /opt/ml"  # in the bundle; exec: the worker is process 1 and gets SIGTERM
# SageMaker charts what patterns of these names find in the worker's lines.
SPLITS = ("train", "validation", "test")
MEASURED = "learning_rate"  # of most programs; a pattern that finds nothing costs nothing
MOST_METRICS = 40  # SageMaker takes no more
FILE = "File"  # the data is there, whole, before the training begins
DATASETS = "datasets"  # where all versions of all data lie in S3
SLACK = 3600  # seconds that a spot job may wait for instances beyond its running time

# Where the two differ: everything else is one function of the experiment.
LOCAL_KEYS = {"local_container_root"}
CLOUD_KEYS = {
    "role",
    "stopping_condition",
    "output_data_config",
    "checkpoint_config",
    "tags",
    "metric_definitions",
    "networking",
    "retry_strategy",
}


@dataclass(frozen=True)
class Demanded:
    """What an account demands of its jobs: networks, keys, tags; how often one is tried again, how long it waits."""

    networking: Mapping[str, Any] = field(default_factory=dict)
    volume_key: str | None = None
    output_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    retries: int = 0
    wait_seconds: int | None = None


def local(planned: RunPlan, image: str, code: str, dataset: str, checkpoints: str, root: str) -> dict[str, Any]:
    """A job of SageMaker's local mode: inputs are folders, `root` is the SDK's own.

    Local mode mounts nothing at /opt/ml/checkpoints; as a channel the folder is mounted by the SDK's public means.
    """
    place = planned.placement
    return {
        **_common(planned, image, code, {"dataset": dataset, "checkpoints": checkpoints}),
        "training_mode": "LOCAL_CONTAINER",
        "compute": {"instance_type": "local_cpu", "instance_count": place.instance_count},
        "local_container_root": root,
    }


def cloud(
    planned: RunPlan,
    files: Mapping[str, bytes],
    image: str,
    role: str,
    uri: Callable[[str], str],
    beside: Mapping[str, str],
    demanded: Demanded | None = None,
) -> dict[str, Any]:
    """A training job on SageMaker; `uri` gives a name's s3:// address, `beside` are more channels and their names.

    `demanded` is what the account demands of each job, and no plan records.
    """
    place, asked, demanded = planned.placement, planned.placement.cloud, demanded or Demanded()
    assert asked is not None
    # With the slash: SageMaker takes every key that begins so, and the marker beside a folder does too.
    code, dataset = uri(f"{code_name(files)}/"), uri(f"{data_name(planned.experiment.dataset)}/")
    run = uri(runs_name(planned.run_id))
    channels: dict[str, Any] = {"dataset": dataset, "plan": f"{run}/plan/"}
    channels |= {name: uri(f"{at}/") for name, at in beside.items()}
    compute = {
        "instance_type": place.instance_type,
        "instance_count": place.instance_count,
        "volume_size_in_gb": asked.volume_gb,
        "enable_managed_spot_training": asked.spot,
    }
    stopping = {"max_runtime_in_seconds": asked.max_seconds}
    if asked.spot:
        stopping["max_wait_time_in_seconds"] = asked.max_seconds + (demanded.wait_seconds or SLACK)
    if asked.warm_pool_seconds:
        compute["keep_alive_period_in_seconds"] = asked.warm_pool_seconds
    if demanded.volume_key:
        compute["volume_kms_key_id"] = demanded.volume_key
    output = {"s3_output_path": f"{run}/output", "compression_type": "GZIP"}
    if demanded.output_key:
        output["kms_key_id"] = demanded.output_key
    more: dict[str, Any] = {"networking": demanded.networking} if demanded.networking else {}
    if asked.input_mode != FILE:  # the SDK gives a bare address FILE, and the job's mode to a source that names none
        more |= {"training_input_mode": asked.input_mode}
        channels["dataset"] = {
            "s3_data_type": "S3Prefix",
            "s3_uri": dataset,
            "s3_data_distribution_type": "FullyReplicated",
        }
    # With it, SageMaker's longest running time counts over all attempts: without, a reclaimed job might begin it anew.
    more |= {"retry_strategy": {"maximum_retry_attempts": demanded.retries}} if demanded.retries else {}
    return {
        **_common(planned, image, code, channels),
        "training_mode": "SAGEMAKER_TRAINING_JOB",
        "compute": compute,
        "role": role,
        "stopping_condition": stopping,
        "output_data_config": output,
        "checkpoint_config": {"s3_uri": f"{run}/checkpoints", "local_path": "/opt/ml/checkpoints"},
        "tags": [*tags(planned), *({"key": key, "value": value} for key, value in demanded.tags.items())],
        **more,
        "metric_definitions": [{"name": name, "regex": rf"\b{name}=(\S+)"} for name in _charted(planned)],
    }


def data_name(data: DatasetId) -> str:
    """Where a data set lies in S3: by content, so that it is uploaded once."""
    return f"{DATASETS}/{data.hash.removesuffix('.dir')}"


def runs_name(run_id: str) -> str:
    """Where a run's own objects lie: plan, checkpoints, outputs."""
    return f"runs/{run_id}"


def code_name(files: Mapping[str, bytes]) -> str:
    """Where a bundle lies in S3, by content: modules and lock."""
    return f"code/{hashlib.sha256((bundle.code_hash(files) + bundle.lock_hash(files)).encode()).hexdigest()}"


def folder_name(files: Mapping[str, bytes]) -> str:
    """Where other modules lie, by content."""
    return f"code/{bundle.code_hash(files)}"


def _common(planned: RunPlan, image: str, code: str, channels: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "training_image": image,
        "source_code": {"source_dir": code, "command": COMMAND},
        "base_job_name": job_name(planned),
        "input_data_config": [{"channel_name": name, "data_source": source} for name, source in channels.items()],
    }


def _charted(planned: RunPlan) -> list[str]:
    described = planned.description
    names = [f"{split}_{metric.name}" for metric in described.metrics for split in SPLITS]
    return [*names[: MOST_METRICS - 2], MEASURED, f"{described.examples}_per_second"]


def job_name(planned: RunPlan) -> str:
    """What a job's name begins with: the run's id, so that the job can be found by it; the SDK adds the time."""
    return re.sub(r"[^a-zA-Z0-9-]", "-", f"harness-{planned.run_id}")[:48]


def tags(planned: RunPlan) -> list[dict[str, str]]:
    """What a bill or a console can be searched by; letters, numbers and _.:/=+-@ alone."""
    git = planned.provenance.git
    values = {
        "harness:run": planned.run_id,
        "harness:experiment": planned.experiment_id,
        "harness:program": planned.experiment.program,
        "harness:about": re.sub(r"[^a-zA-Z0-9_.:/=+@ -]", "-", planned.description.about)[:256],
        "harness:commit": git.commit + {True: "+dirty", False: "", None: "+unknown"}[git.dirty] if git else "unknown",
    }
    return [{"key": key, "value": value} for key, value in values.items()]
