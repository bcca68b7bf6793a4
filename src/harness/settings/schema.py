"""What can be set: names, types and legal values. Every default is in conf/, none here."""

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any

from harness.contract.rules import Rule, in_range, named, one_of, optional

FLAGS = ("allow_dirty", "dry_run", "yes", "detach")


@dataclass(frozen=True)
class Mode:
    """Where it runs. threads 0 means every core that this process may use."""

    name: Annotated[str, one_of("local", "cloud")]
    runner: Annotated[str, one_of("auto", "process", "container")]
    threads: Annotated[int, in_range(0, 1024)]
    instance_type: Annotated[str, Rule("an instance type's name", bool, lambda _: "local_cpu")]
    instance_count: Annotated[int, in_range(1, 64)]
    checkpoint_seconds: Annotated[float, in_range(0)]
    verify: Annotated[str, one_of("before", "read")]


def is_prefix(value: Any) -> bool:
    """Whether a value is names of letters, numbers, _ and -, with / between them."""
    return re.fullmatch(r"[\w-]+(/[\w-]+)*", str(value), re.ASCII) is not None


def is_account(value: Any) -> bool:
    """Whether a value is the number of an AWS account."""
    return re.fullmatch(r"\d{12}", str(value), re.ASCII) is not None


def names_of(what: str, example: str) -> Rule:
    """A list of names."""
    return Rule(
        f"a list of {what}",
        lambda value: bool(value) and all(isinstance(each, str) and each for each in value),
        lambda _: example,
    )


def are_tags(value: Any) -> bool:
    """Whether a value is what AWS takes as tags, beside the four that each job gets."""
    legal = re.compile(r"[\w .:/=+@-]+")
    texts = [str(text) for pair in value.items() for text in pair]
    return len(value) <= 40 and all(len(text) <= 128 and legal.fullmatch(text) for text in texts)


@dataclass(frozen=True)
class Cloud(Mode):
    """A SageMaker job: where, as whom, on what image, at what cost. A null is looked up in AWS's own settings."""

    region: Annotated[str | None, optional(named("an AWS region", "us-east-1"))]
    role: Annotated[str | None, optional(named("an IAM role's name or ARN", "harness"))]
    bucket: Annotated[str | None, optional(named("a bucket's name", "null"))]
    prefix: Annotated[str, Rule("letters, numbers, _, - and /", is_prefix, lambda _: "harness")]
    image: Annotated[str | None, optional(named("an image's name in a registry", "null"))]
    spot: Annotated[bool, one_of(True, False)]
    warm_pool_seconds: Annotated[int, in_range(0, 3600)]
    volume_gb: Annotated[int, in_range(1, 16384)]
    input_mode: Annotated[str, one_of("File", "FastFile")]
    max_usd: Annotated[float | None, optional(in_range(0, above=True))]
    usd_per_hour: Annotated[float | None, optional(in_range(0, above=True))]
    preflight: Annotated[bool, one_of(True, False)]
    comet_secret: Annotated[str | None, optional(named("a secret's name or ARN in Secrets Manager", "null"))]
    bucket_owner: Annotated[str | None, optional(Rule("an account's number in quotes", is_account, lambda _: "null"))]
    retries: Annotated[int, in_range(0, 30)]
    fallback: Annotated[
        list[str] | None, optional(names_of("instance types, or on-demand", "[ml.g4dn.xlarge,on-demand]"))
    ]
    wait_minutes: Annotated[float | None, optional(in_range(1))]
    max_usd_month: Annotated[float | None, optional(in_range(0, above=True))]
    subnets: Annotated[list[str] | None, optional(names_of("subnets' ids", "[subnet-0123,subnet-4567]"))]
    security_groups: Annotated[list[str] | None, optional(names_of("security groups' ids", "[sg-0123]"))]
    network_isolation: Annotated[bool, one_of(True, False)]
    encrypt_traffic: Annotated[bool, one_of(True, False)]
    volume_key: Annotated[str | None, optional(named("a KMS key's id or ARN", "null"))]
    output_key: Annotated[str | None, optional(named("a KMS key's id or ARN", "null"))]
    tags: Annotated[dict[str, Any] | None, optional(Rule("names and values", are_tags, lambda _: "{team:vision}"))]


def _is_document(value: str) -> bool:
    path = PurePosixPath(value)
    return path.suffix == ".dvc" and not path.is_absolute() and ".." not in path.parts


@dataclass(frozen=True)
class Data:
    """Which data a program trains on, and where it comes from if it is not there.

    Where nothing is pinned, the program's sample is all that there is.
    """

    pin: Annotated[
        str | None, optional(Rule("a path inside the project that ends in .dvc", _is_document, lambda _: "data.dvc"))
    ]
    on_missing: Annotated[str, one_of("sample", "fail")]
    archive: Annotated[str | None, Rule("a path, or null", lambda _: True, lambda _: "null")]
    url: Annotated[
        str | None, optional(Rule("an http(s) address", lambda url: url.startswith("http"), lambda _: "https://…"))
    ]


@dataclass(frozen=True)
class Packing:
    """How images are packed: the shares of the parts, and how many shards there are, or how large one may be."""

    test: Annotated[float, in_range(0, 1, below=True)]
    validation: Annotated[float, in_range(0, 1, below=True)]
    shard_mb: Annotated[float, in_range(0, above=True)]
    shards: Annotated[int | None, optional(in_range(1, 65536))]


@dataclass(frozen=True)
class Comet:
    """Names in Comet; the key comes from the environment or Comet's own file, never from here."""

    project: Annotated[str, Rule("a project's name", bool, lambda _: "my-project")]
    workspace: Annotated[str | None, Rule("a workspace's name, or null", lambda _: True, lambda _: "null")]
    model: Annotated[str | None, optional(named("a name for the trained model", "null"))]
    artifact: Annotated[str | None, optional(named("a name for the data set", "null"))]
    register: Annotated[bool, one_of(True, False)]


@dataclass(frozen=True)
class Config:
    """Everything that was composed, checked. `training` is an object of the program's own class of settings."""

    program: str
    training: Any
    mode: Mode
    data: Data
    comet: Comet
    runs_folder: str
    publish: str | None
    resume: str | None
    sweep: str | None
    carry: tuple[str, ...]
    allow_dirty: bool
    dry_run: bool
    yes: bool
    detach: bool


def threads(mode: Mode) -> int:
    """The threads of each worker: the given number, or its share of the cores that this process may use.

    0 on an instance, whose cores are not known here: all of them.
    """
    if mode.name == "cloud":
        return mode.threads
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return mode.threads or max(1, (available or 1) // mode.instance_count)
