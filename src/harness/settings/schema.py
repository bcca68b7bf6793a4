"""What can be set: names, types and legal values. Every default lives in conf/, none here."""

import os
import re
import typing
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from harness.contract.errors import SettingError
from harness.contract.rules import Rule, in_range, named, one_of, optional
from harness.settings.command_line import command_name
from programs.cifar10.settings import Training

FLAGS = ("allow_dirty", "dry_run", "yes")


@dataclass(frozen=True)
class Mode:
    """Where it runs. threads 0 means every core that this process may use."""

    name: Annotated[str, one_of("local", "cloud")]
    runner: Annotated[str, one_of("auto", "process", "container")]
    threads: Annotated[int, in_range(0, 1024)]
    instance_type: Annotated[str, Rule("an instance type's name", bool, lambda _: "local_cpu")]
    instance_count: Annotated[int, in_range(1, 64)]
    checkpoint_seconds: Annotated[float, in_range(0)]


def _is_prefix(value: Any) -> bool:
    return re.fullmatch(r"[\w-]+(/[\w-]+)*", str(value), re.ASCII) is not None


@dataclass(frozen=True)
class Cloud(Mode):
    """A SageMaker job: where, as whom, on what image, at what cost. What is null is asked of AWS's own settings."""

    region: Annotated[str | None, optional(named("an AWS region", "us-east-1"))]
    role: Annotated[str | None, optional(named("an IAM role's name or ARN", "harness"))]
    bucket: Annotated[str | None, optional(named("a bucket's name", "null"))]
    prefix: Annotated[str, Rule("letters, digits, _, - and /", _is_prefix, lambda _: "harness")]
    image: Annotated[str | None, optional(named("an image's name in a registry", "null"))]
    spot: Annotated[bool, one_of(True, False)]
    warm_pool_seconds: Annotated[int, in_range(0, 3600)]
    volume_gb: Annotated[int, in_range(1, 16384)]
    max_usd: Annotated[float | None, optional(in_range(0, above=True))]
    usd_per_hour: Annotated[float | None, optional(in_range(0, above=True))]
    preflight: Annotated[bool, one_of(True, False)]
    comet_secret: Annotated[str | None, optional(named("a secret's name or ARN in Secrets Manager", "null"))]


@dataclass(frozen=True)
class Data:
    """Where the data comes from when it is not there."""

    on_missing: Annotated[str, one_of("sample", "fail")]
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
        SettingError: a value has the wrong type or is out of range, or two values do not go together.
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
            raise SettingError(
                f"{name}={raw[name]} is not legal", legal="a folder's path", command=f"{command_name()} {name}=runs"
            )
    if raw["sweep"] is not None and not _is_prefix(raw["sweep"]):
        raise SettingError(
            f"sweep={raw['sweep']} is not legal",
            legal="a name of letters, digits, _ and -, or null",
            command=f"{command_name()} sweep=mine",
        )
    for name in FLAGS:
        if type(raw[name]) is not bool:
            wanted = f"{command_name()} {name}=true"
            raise SettingError(f"{name}={raw[name]} is not legal", legal="true | false", command=wanted)
    if training.batch_size % mode.instance_count:
        raise SettingError(
            f"batch_size={training.batch_size} does not go into mode.instance_count={mode.instance_count} equal parts",
            legal=f"multiples of {mode.instance_count}",
            command=f"{command_name()} batch_size={mode.instance_count * max(1, training.batch_size // mode.instance_count)}",
        )
    if training.xla and mode.instance_count > 1:
        raise SettingError(
            f"xla=true cannot compile a step that mode.instance_count={mode.instance_count} workers share",
            legal="xla=false, or one instance",
            command=f"{command_name()} xla=false",
        )
    for name in ("warmup_epochs", "small_epochs"):
        if getattr(training, name) > training.epochs:
            raise SettingError(
                f"{name}={getattr(training, name)} is longer than epochs={training.epochs}",
                legal=f"0 to {training.epochs}",
                command=f"{command_name()} epochs={training.epochs} {name}={training.epochs / 10:g}",
            )
    if isinstance(mode, Cloud) and mode.spot and mode.warm_pool_seconds:
        raise SettingError(
            f"mode.warm_pool_seconds={mode.warm_pool_seconds}: SageMaker keeps no spot instance warm",
            legal="mode.warm_pool_seconds=0, or mode.spot=false",
            command=f"{command_name()} mode=cloud mode.spot=false mode.warm_pool_seconds={mode.warm_pool_seconds}",
        )
    rest = {name: raw[name] for name in ("runs_folder", "publish", "resume", "sweep", *FLAGS)}
    return Config(training, mode, data, comet, **rest)


def section(kind: type[Any], raw: dict[str, Any], prefix: str) -> Any:
    """One of the dataclasses above from a mapping; `prefix` is what its settings begin with on the command line.

    Raises:
        SettingError: as `check`.
    """
    values = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        wanted, rule = typing.get_args(hint)
        if name not in raw:
            raise SettingError(f"{prefix}{name} is missing in conf/", legal=rule.legal, command="git checkout -- conf")
        value = raw[name]
        types = tuple(typing.get_args(wanted)) or (wanted,)
        if float in types and type(value) is int:
            value = float(value)
        if type(value) not in types or value != value or value in (float("inf"), -float("inf")) or not rule.test(value):
            noun = {int: "an integer ", float: "a number "}.get(types[0], "")
            example = str(rule.nearest(value)).lower() if wanted is bool else rule.nearest(value)
            shown = "null" if value is None else value
            raise SettingError(
                f"{prefix}{name}={shown} is not legal",
                legal=noun + rule.legal,
                command=f"{command_name()} {prefix}{name}={example}",
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
