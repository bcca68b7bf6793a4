"""The plan of a run: what is trained, where, and where that came from. Standard library only.

`experiment` is what is hashed to `experiment_id`; `placement` and `provenance` are not,
so one experiment has one id wherever and whenever it runs.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from harness.contract import legal
from harness.contract.metrics import Metric
from harness.contract.rules import in_range, one_of, optional
from harness.contract.serial import LATER, to_json

SCHEMA = 2
TRIED = "stopped as a trial"  # why a run ended whose placement says `stop_after`
Scalar = bool | int | float | str
Setting = Annotated[Scalar, legal.SCALAR]


@dataclass(frozen=True)
class FileId:
    """One file of a data set: path below the data folder ('/' between parts), md5, size in bytes."""

    path: Annotated[str, legal.PATH]
    md5: Annotated[str, legal.MD5]
    size: Annotated[int, legal.COUNT]


@dataclass(frozen=True)
class DatasetId:
    """A data set by content. `hash` is DVC's directory hash: md5 of the JSON list of {md5, relpath}, then '.dir'."""

    name: Annotated[str, legal.NAME]
    hash: Annotated[str, legal.DIRECTORY]
    size: Annotated[int, legal.COUNT]
    sample: bool
    files: Annotated[tuple[FileId, ...], legal.at_most(100_000)]


@dataclass(frozen=True)
class Experiment:
    """What is trained: a program by name, its resolved settings, the data, sha256 of the worker's code, of its lock."""

    program: Annotated[str, legal.PROGRAM]
    config: Annotated[dict[Annotated[str, legal.WORD], Setting], legal.at_most(1000)]
    dataset: DatasetId
    code: Annotated[str, legal.SHA256]
    lock: Annotated[str, legal.SHA256]


@dataclass(frozen=True)
class Description:
    """What a program says of itself, so that plan and record can be read without it.

    `about` is what is trained, in a few words; the first of `metrics` is the one that decides; `examples` is what they
    are called; `model` is the name of the model's file.
    """

    about: Annotated[str, legal.TEXT]
    metrics: Annotated[tuple[Metric, ...], legal.between(1, 100)]
    examples: Annotated[str, legal.TEXT]
    model: Annotated[str, legal.NAME]

    @property
    def objective(self) -> Metric:
        """The metric that decides."""
        return self.metrics[0]


@dataclass(frozen=True)
class Cloud:
    """What SageMaker is asked for beyond the instances; prices in dollars, None where unknown or not set.

    `gpu` says that the instances have some. `max_seconds` is the longest that the job may run; `usd_per_hour` is of all
    its instances, on demand. Where `comet_secret` names a secret with a Comet key, the job itself logs to that project
    and workspace. `input_mode` is how the data comes to the instances: whole before the training, or as it is read.
    """

    region: Annotated[str, legal.TEXT]
    gpu: bool
    spot: bool
    warm_pool_seconds: Annotated[int, legal.COUNT]
    volume_gb: Annotated[int, legal.COUNT]
    max_seconds: Annotated[int, legal.COUNT]
    max_usd: Annotated[float | None, optional(legal.USD)]
    usd_per_hour: Annotated[float | None, optional(legal.USD)]
    comet_secret: str | None
    comet_project: str
    comet_workspace: str | None
    input_mode: Annotated[str, one_of("File", "FastFile")] = field(default="File", metadata=LATER)


@dataclass(frozen=True)
class Placement:
    """Where it runs. `reason` says why this runner; image fields are None outside containers, `cloud` on this machine.

    `threads` are each worker's (0: all that it finds), `checkpoint_seconds` the time between two states, `stop_after`
    the step after which a trial ends (of a command the epoch, or 1 for its first number), None for a whole training.
    `verify` says when the worker hashes the data: all of it before the training, or each part when it is read.
    """

    mode: Annotated[str, one_of("local", "cloud")]
    runner: Annotated[str, legal.WORD]
    reason: str
    threads: Annotated[int, in_range(0, 1024)]
    instance_count: Annotated[int, in_range(1, 64)]
    instance_type: Annotated[str, legal.WORD]
    checkpoint_seconds: Annotated[float, legal.SECONDS]
    image: str | None
    image_id: str | None
    cloud: Cloud | None = None
    stop_after: Annotated[int | None, optional(legal.COUNT)] = None
    verify: Annotated[str, one_of("before", "read")] = field(default="before", metadata=LATER)


@dataclass(frozen=True)
class Git:
    """The commit that the code came from. `pushed` and `dirty` are None where that could not be known."""

    commit: Annotated[str, legal.COMMIT]
    branch: str | None
    remote: str | None
    pushed: bool | None
    dirty: bool | None
    patch_sha256: Annotated[str | None, optional(legal.SHA256)]


@dataclass(frozen=True)
class Promise:
    """What an experiment showed of a program's code and lock on one fingerprint: `python src/prove.py`.

    `name` is replay, resume or workers; `status` proven, broken or not offered; `why` is what that rests on.
    """

    name: Annotated[str, legal.WORD]
    status: Annotated[str, one_of("proven", "broken", "not offered")]
    fingerprint: Annotated[str, legal.SHA256]
    why: Annotated[str, legal.TEXT]


@dataclass(frozen=True)
class Provenance:
    """Who asked for it, and from which state: `git` is None outside a git repository.

    `withheld` names changed files that the patch leaves out, with the reasons: they hold secrets, are large, or lie
    outside what it carries. `unknown` says what could not be determined of the state.
    `promises` are those that were tested of this code with this lock, wherever that was.
    `resumed` is the run whose checkpoint this one goes on from, `replays` the one that it runs again, `sweep` the group
    that it belongs to.
    """

    created: Annotated[str, legal.TIME]
    command: tuple[str, ...]
    git: Git | None
    withheld: tuple[str, ...]
    resumed: Annotated[str | None, optional(legal.RUN_ID)]
    environment_lock: Annotated[str, legal.SHA256]
    replays: Annotated[str | None, optional(legal.RUN_ID)] = None
    sweep: Annotated[str | None, optional(legal.SWEEP)] = None
    unknown: tuple[str, ...] = ()
    promises: tuple[Promise, ...] = ()


@dataclass(frozen=True)
class RunPlan:
    """What should happen."""

    schema: Annotated[int, in_range(1, SCHEMA)]
    run_id: Annotated[str, legal.RUN_ID]
    experiment_id: Annotated[str, legal.SHA256]
    experiment: Experiment
    description: Description
    placement: Placement
    provenance: Provenance


def make(
    experiment: Experiment,
    description: Description,
    placement: Placement,
    provenance: Provenance,
    now: datetime,
    schema: int = SCHEMA,
) -> RunPlan:
    """The plan of one run. `now` is in UTC and gives the run its name: time to the second and 8 characters of the id.

    `schema` is that of the code that will run it: an earlier version's worker reads its own schema alone.
    """
    identity = experiment_id(experiment, schema)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{identity[:8]}"
    return RunPlan(schema, run_id, identity, experiment, description, placement, provenance)


def experiment_id(experiment: Experiment, schema: int = SCHEMA) -> str:
    """sha256 (hex) over the canonical JSON of the experiment: sorted keys, no spaces, floats as Python's repr.

    Schema 1 knew one program and did not name it.
    """
    content = to_json(experiment)
    if schema == 1:
        del content["program"]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
