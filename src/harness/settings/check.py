"""From composed values to a Config: every type, range and combination is checked."""

import os
import re
import typing
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import PurePosixPath
from typing import Any

from harness.contract import program
from harness.contract.errors import SettingError
from harness.settings.command_line import command_name
from harness.settings.paths import expanded
from harness.settings.project import ROOT
from harness.settings.schema import FLAGS, Cloud, Comet, Config, Data, Mode, is_prefix

SECTIONS = ("mode", "data", "comet")


def check(raw: Mapping[str, Any]) -> Config:
    """The composed mapping as a Config.

    Raises:
        SettingError: a setting does not exist, has the wrong type or is out of range, or two do not go together.
    """
    raw = dict(raw)
    trained = program.load(raw["program"])
    shared = {field.name for field in fields(Config)} - {"training"}
    training = section(trained.settings, {name: value for name, value in raw.items() if name not in shared}, "")
    target = Cloud if raw["mode"].get("name") == "cloud" else Mode
    mode, data, comet = (
        section(kind, raw[name], f"{name}.") for name, kind in zip(SECTIONS, (target, Data, Comet), strict=True)
    )
    if target is Cloud:  # nobody pays to train on the sample
        data = replace(data, on_missing="fail")
    _check_shared(raw)
    if data.archive is not None:
        data = replace(data, archive=expanded("data.archive", data.archive))
    trained.check_workers(training, mode.instance_count)
    if mode.verify == "read" and not trained.verifies:
        raise SettingError(
            f"mode.verify=read: program={raw['program']} does not check its data as it reads it",
            legal="mode.verify=before",
            command=f"{command_name()} program={raw['program']} mode.verify=before",
        )
    if isinstance(mode, Cloud) and mode.spot and mode.warm_pool_seconds:
        raise SettingError(
            f"mode.warm_pool_seconds={mode.warm_pool_seconds}: SageMaker keeps no spot instance warm",
            legal="mode.warm_pool_seconds=0, or mode.spot=false",
            command=f"{command_name()} mode=cloud mode.spot=false mode.warm_pool_seconds={mode.warm_pool_seconds}",
        )
    if isinstance(mode, Cloud):
        _check_network(mode)
    rest = {name: raw[name] for name in shared - set(SECTIONS)}
    return Config(training=training, mode=mode, data=data, comet=comet, **rest)


def _check_network(mode: Cloud) -> None:
    """Refuse what SageMaker would, of networks.

    Raises:
        SettingError: two settings do not go together.
    """
    if bool(mode.subnets) != bool(mode.security_groups):
        raise SettingError(
            "mode.subnets and mode.security_groups belong together: SageMaker takes a VPC by both",
            legal="both, or neither",
            command=f"{command_name()} mode=cloud 'mode.subnets=[subnet-…]' 'mode.security_groups=[sg-…]'",
        )
    if mode.network_isolation and mode.comet_secret:
        raise SettingError(
            "mode.network_isolation=true: an isolated job reaches neither Secrets Manager nor Comet",
            legal="mode.comet_secret=null (this machine logs to Comet), or mode.network_isolation=false",
            command=f"{command_name()} mode=cloud mode.network_isolation=true mode.comet_secret=null",
        )


def _check_shared(raw: dict[str, Any]) -> None:
    """Check the settings that every program has; those that mean the same in another form get the one form."""
    for name in ("runs_folder", "publish", "resume"):
        if not (isinstance(raw[name], str) and raw[name]) and (name == "runs_folder" or raw[name] is not None):
            raise SettingError(
                f"{name}={raw[name]} is not legal", legal="a folder's path", command=f"{command_name()} {name}=runs"
            )
        raw[name] = raw[name] and expanded(name, raw[name])
    if type(raw["sweep"]) is int:  # sweep=2026
        raw["sweep"] = str(raw["sweep"])
    if raw["sweep"] is not None and not (isinstance(raw["sweep"], str) and is_prefix(raw["sweep"])):
        raise SettingError(
            f"sweep={raw['sweep']} is not legal",
            legal="a name of letters, numbers, _ and -, or null",
            command=f"{command_name()} sweep=mine",
        )
    raw["carry"] = _carried(raw["carry"])
    for name in FLAGS:
        if type(raw[name]) is not bool:
            command = f"{command_name()} {name}=true"
            raise SettingError(f"{name}={raw[name]} is not legal", legal="true | false", command=command)


def _carried(names: Any) -> tuple[str, ...]:
    """What the patch is to carry besides its own: paths below the project, or patterns."""
    listed = [names] if isinstance(names, str) else names
    for name in listed if isinstance(listed, list) else [listed]:
        path = PurePosixPath(name) if isinstance(name, str) and name.strip("/") else None
        if path is None or path.is_absolute() or ".." in path.parts:
            what = f"carry={names} is not legal"
        elif re.search(r"[*?\[]", name) or os.path.lexists(ROOT / name):
            continue
        else:
            what = f"carry={name}: there is no such file or folder"
        legal = "paths below the project's folder, or patterns as '*.txt'"
        raise SettingError(what, legal=legal, command=f"{command_name()} 'carry=[tools,notes.txt]'")
    return tuple(str(PurePosixPath(name)) for name in listed)


def section(kind: type[Any], raw: Mapping[str, Any], prefix: str) -> Any:
    """An object of a dataclass of settings; `prefix` is what their names begin with on the command line.

    Raises:
        SettingError: as `check`.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    if strange := sorted(raw.keys() - hints.keys()):
        legal = ", ".join(prefix + name for name in hints)
        raise SettingError(f"{prefix}{strange[0]} is not a setting", legal=legal, command="ls conf")
    values = {}
    for name, hint in hints.items():
        wanted, rule = typing.get_args(hint)
        if name not in raw:
            raise SettingError(f"{prefix}{name} is missing in conf/", legal=rule.legal, command="git checkout -- conf")
        value = raw[name]
        alternatives = tuple(typing.get_args(wanted)) or (wanted,)
        types = tuple(typing.get_origin(each) or each for each in alternatives)
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
