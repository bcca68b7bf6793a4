"""Hydra's complaint about a command line as one line: what is wrong, what is legal, what to type."""

import shlex

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from harness.contract.errors import SettingError
from harness.settings.command_line import CommandLine
from harness.settings.conf import assigned


def explain(error: Exception, line: CommandLine) -> SettingError:
    """The override that is wrong, as far as that can be told; the names were checked before Hydra was asked."""
    command = line.verb.command
    for override in line.overrides:
        if (kind := _sweep_in(override)) and (mistake := _explain_sweep(override, kind, line)):
            return mistake
    for override in line.overrides:
        try:
            OverridesParser.create().parse_override(override)
        except HydraException:
            return SettingError(f"{override} cannot be read", legal="name=value", command=f"{command} --help")
    return SettingError(str(error).splitlines()[0], command=f"{command} --help")


def _sweep_in(override: str) -> str:
    """The kind of sweep that an override asks for, in Hydra's word; empty where it asks for none."""
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        return ""
    return parsed.value_type.name if parsed.is_sweep_override() and parsed.value_type else ""


def _explain_sweep(override: str, kind: str, line: CommandLine) -> SettingError | None:
    name, typed, command = assigned(override)[0], shlex.join(line.overrides), line.verb.command
    if not line.verb.sweeps:
        return SettingError(f"{override} is a sweep", legal="one value", command=f"{command} --help")
    if kind == "INTERVAL_SWEEP" and "hydra/sweeper=optuna" not in line.overrides:
        return SettingError(
            f"{override}: a grid has no intervals",
            legal=f"{name}=A,B,C",
            command=f"{command} -m hydra/sweeper=optuna {typed}",
        )
    if not line.multirun:
        return SettingError(f"{override} is a sweep", legal="one value", command=f"{command} -m {typed}")
    return None
