"""What can be set: names, types and legal values. Every default lives in conf/, none here."""

import difflib
import os
import re
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

from harness.errors import ChangeSetting

FLAGS = ("allow_dirty", "dry_run", "yes")
DEPTHS = range(8, 1203, 6)  # 6n+2; He et al. 2015 go from n=3 to n=200


@dataclass(frozen=True)
class Rule:
    """What makes a value legal, in words and as a test, and the legal value nearest to a wrong one."""

    legal: str
    test: Callable[[Any], bool]
    nearest: Callable[[Any], Any]


def _range(low: float, high: float | None = None, above: bool = False, below: bool = False) -> Rule:
    """Numbers from low to high; `above`/`below` leave the end itself out. A wrong one is answered with an example."""
    words = f"{'above' if above else 'at least'} {low:g}"
    if high is not None:
        words += f" and {'below' if below else 'at most'} {high:.12g}"

    def test(value: float) -> bool:
        return (value > low if above else value >= low) and (high is None or (value < high if below else value <= high))

    def nearest(value: object) -> float:
        numeric = isinstance(value, int | float) and high is not None and value > low and not below
        return typing.cast(float, high) if numeric else (0.1 if above else low)

    return Rule(words, test, nearest)


def _one_of(*names: Any) -> Rule:
    def nearest(value: object) -> Any:
        return (difflib.get_close_matches(str(value), [str(name) for name in names], 1, 0.0) or [names[0]])[0]

    words = [str(name).lower() if isinstance(name, bool) else str(name) for name in names]
    return Rule(" | ".join(words), lambda value: value in names, nearest)


def _nearest_depth(value: object) -> int:
    return min(DEPTHS, key=lambda depth: abs(depth - value)) if isinstance(value, int | float) else 20


@dataclass(frozen=True)
class Training:
    """What is trained: the scalars that, with data, code and lock, make an experiment."""

    resnet_size: Annotated[int, Rule("6n+2 from 8 to 1202: 8, 14, 20, 26, 32, …", DEPTHS.__contains__, _nearest_depth)]
    resnet_version: Annotated[int, _one_of(1, 2)]
    epochs: Annotated[int, _range(1)]
    batch_size: Annotated[int, _range(1)]
    learning_rate: Annotated[float, _range(0, above=True)]
    schedule: Annotated[str, _one_of("constant", "linear", "cosine", "step")]
    warmup_epochs: Annotated[float, _range(0)]
    optimizer: Annotated[str, _one_of("sgd", "muon")]
    muon_rate: Annotated[float, _range(0, above=True)]
    momentum: Annotated[float, _range(0, 1, below=True)]
    nesterov: Annotated[bool, _one_of(True, False)]
    weight_decay: Annotated[float, _range(0)]
    label_smoothing: Annotated[float, _range(0, 1, below=True)]
    augment: Annotated[bool, _one_of(True, False)]
    crop: Annotated[int, _range(0, 16)]
    alternate_flips: Annotated[bool, _one_of(True, False)]
    small_epochs: Annotated[float, _range(0)]
    small_resolution: Annotated[int, _one_of(8, 12, 16, 20, 24, 28, 32)]
    precision: Annotated[str, _one_of("float32", "tensorfloat32", "bfloat16")]
    xla: Annotated[bool, _one_of(True, False)]
    sync_batch_norm: Annotated[bool, _one_of(True, False)]
    num_data_batches: Annotated[int, _range(1, 5)]
    validation_images: Annotated[int, _range(1)]
    seed: Annotated[int, _range(0, 2**32 - 1)]


@dataclass(frozen=True)
class Mode:
    """Where it runs. threads 0 means every core that this process may use."""

    name: Annotated[str, _one_of("local", "cloud")]
    runner: Annotated[str, _one_of("auto", "process", "container")]
    threads: Annotated[int, _range(0, 1024)]
    instance_type: Annotated[str, Rule("an instance type's name", bool, lambda _: "local_cpu")]
    instance_count: Annotated[int, _range(1, 64)]
    checkpoint_seconds: Annotated[float, _range(0)]


def _optional(rule: Rule) -> Rule:
    """The same, or null."""
    return Rule(f"{rule.legal}, or null", lambda value: value is None or rule.test(value), rule.nearest)


def _named(what: str, example: str) -> Rule:
    return Rule(what, bool, lambda _: example)


def _is_prefix(value: Any) -> bool:
    return re.fullmatch(r"[\w-]+(/[\w-]+)*", str(value), re.ASCII) is not None


@dataclass(frozen=True)
class Cloud(Mode):
    """A SageMaker job: where, as whom, on what image, at what cost. What is null is asked of AWS's own settings."""

    region: Annotated[str | None, _optional(_named("an AWS region", "us-east-1"))]
    role: Annotated[str | None, _optional(_named("an IAM role's name or ARN", "cifar10-harness"))]
    bucket: Annotated[str | None, _optional(_named("a bucket's name", "null"))]
    prefix: Annotated[str, Rule("letters, digits, _, - and /", _is_prefix, lambda _: "harness")]
    image: Annotated[str | None, _optional(_named("an image's name in a registry", "null"))]
    spot: Annotated[bool, _one_of(True, False)]
    warm_pool_seconds: Annotated[int, _range(0, 3600)]
    volume_gb: Annotated[int, _range(1, 16384)]
    max_usd: Annotated[float | None, _optional(_range(0, above=True))]
    usd_per_hour: Annotated[float | None, _optional(_range(0, above=True))]
    preflight: Annotated[bool, _one_of(True, False)]
    comet_secret: Annotated[str | None, _optional(_named("a secret's name or ARN in Secrets Manager", "null"))]


@dataclass(frozen=True)
class Data:
    """Where the data comes from when it is not there."""

    on_missing: Annotated[str, _one_of("sample", "fail")]
    archive: Annotated[str | None, Rule("a path, or null", lambda _: True, lambda _: "null")]
    url: Annotated[str, Rule("an http(s) address", lambda url: url.startswith("http"), lambda _: "https://…")]


@dataclass(frozen=True)
class Comet:
    """Names in Comet; the key comes from the environment or Comet's own file, never from here."""

    project: Annotated[str, Rule("a project's name", bool, lambda _: "cifar10-resnet")]
    workspace: Annotated[str | None, Rule("a workspace's name, or null", lambda _: True, lambda _: "null")]


@dataclass(frozen=True)
class Config:
    """Everything that was composed, checked."""

    training: Training
    mode: Mode
    data: Data
    comet: Comet
    runs_folder: str
    publish: str | None
    resume: str | None
    sweep: str | None
    allow_dirty: bool
    dry_run: bool
    yes: bool


def check(raw: dict[str, Any]) -> Config:
    """The composed mapping as a Config.

    Raises:
        ChangeSetting: a value has the wrong type or is out of range, or two values do not go together.
    """
    flat = {name: raw[name] for name in (field.name for field in fields(Training)) if name in raw}
    training = section(Training, flat, "")
    place = Cloud if raw["mode"].get("name") == "cloud" else Mode
    mode, data, comet = (
        section(kind, raw[name], f"{name}.") for kind, name in ((place, "mode"), (Data, "data"), (Comet, "comet"))
    )
    if place is Cloud:  # nobody pays to train on the sample
        data = replace(data, on_missing="fail")
    for name in ("runs_folder", "publish", "resume"):
        if not (isinstance(raw[name], str) and raw[name]) and (name == "runs_folder" or raw[name] is not None):
            raise ChangeSetting(
                f"{name}={raw[name]} is not legal", legal="a folder's path", command=f"{verb()} {name}=runs"
            )
    if raw["sweep"] is not None and not _is_prefix(raw["sweep"]):
        raise ChangeSetting(
            f"sweep={raw['sweep']} is not legal",
            legal="a name of letters, digits, _ and -, or null",
            command=f"{verb()} sweep=mine",
        )
    for name in FLAGS:
        if type(raw[name]) is not bool:
            wanted = f"{verb()} {name}=true"
            raise ChangeSetting(f"{name}={raw[name]} is not legal", legal="true | false", command=wanted)
    if training.batch_size % mode.instance_count:
        raise ChangeSetting(
            f"batch_size={training.batch_size} does not go into mode.instance_count={mode.instance_count} equal parts",
            legal=f"multiples of {mode.instance_count}",
            command=f"{verb()} batch_size={mode.instance_count * max(1, training.batch_size // mode.instance_count)}",
        )
    if training.xla and mode.instance_count > 1:
        raise ChangeSetting(
            f"xla=true cannot compile a step that mode.instance_count={mode.instance_count} workers share",
            legal="xla=false, or one instance",
            command=f"{verb()} xla=false",
        )
    for name in ("warmup_epochs", "small_epochs"):
        if getattr(training, name) > training.epochs:
            raise ChangeSetting(
                f"{name}={getattr(training, name)} is longer than epochs={training.epochs}",
                legal=f"0 to {training.epochs}",
                command=f"{verb()} epochs={training.epochs} {name}={training.epochs / 10:g}",
            )
    if isinstance(mode, Cloud) and mode.spot and mode.warm_pool_seconds:
        raise ChangeSetting(
            f"mode.warm_pool_seconds={mode.warm_pool_seconds}: SageMaker keeps no spot instance warm",
            legal="mode.warm_pool_seconds=0, or mode.spot=false",
            command=f"{verb()} mode=cloud mode.spot=false mode.warm_pool_seconds={mode.warm_pool_seconds}",
        )
    rest = {name: raw[name] for name in ("runs_folder", "publish", "resume", "sweep", *FLAGS)}
    return Config(training, mode, data, comet, **rest)


def section(kind: type[Any], raw: dict[str, Any], prefix: str) -> Any:
    """One of the dataclasses above from a mapping; `prefix` is what its settings begin with on the command line.

    Raises:
        ChangeSetting: as `check`.
    """
    values = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        wanted, rule = typing.get_args(hint)
        if name not in raw:
            raise ChangeSetting(f"{prefix}{name} is missing in conf/", legal=rule.legal, command="git checkout -- conf")
        value = raw[name]
        types = tuple(typing.get_args(wanted)) or (wanted,)
        if float in types and type(value) is int:
            value = float(value)
        if type(value) not in types or value != value or value in (float("inf"), -float("inf")) or not rule.test(value):
            noun = {int: "an integer ", float: "a number "}.get(types[0], "")
            example = str(rule.nearest(value)).lower() if wanted is bool else rule.nearest(value)
            shown = "null" if value is None else value
            raise ChangeSetting(
                f"{prefix}{name}={shown} is not legal",
                legal=noun + rule.legal,
                command=f"{verb()} {prefix}{name}={example}",
            )
        values[name] = value
    return kind(**values)


def threads(mode: Mode) -> int:
    """The threads of each worker: the given number, or its share of the cores that this process may use.

    0 on an instance, whose cores nobody here knows: all of them.
    """
    if mode.name == "cloud":
        return mode.threads
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return mode.threads or max(1, (available or 1) // mode.instance_count)


def verb() -> str:
    """The command that was typed, for error messages."""
    return f"python src/{Path(sys.argv[0]).name}"
