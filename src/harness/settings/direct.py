"""Parts of conf/ as settings, read without Hydra: its import takes longer than what they are for."""

from typing import Any

from harness.contract.errors import SettingError
from harness.settings import conf
from harness.settings.check import section
from harness.settings.command_line import CommandLine
from harness.settings.paths import expanded
from harness.settings.schema import Data, Mode, Packing


def data(line: CommandLine) -> tuple[str, Data]:
    """The program, and the settings of its data with the verb's own words over them.

    Raises:
        SettingError: a value is not legal.
    """
    programs = conf.chosen("program", line.overrides)
    if len(programs) != 1:
        raise SettingError("conf/config.yaml selects no program", command="git checkout -- conf")
    (program,) = programs
    raw = {**_section("config.yaml", "data"), **_section(f"program/{program}.yaml", "data")}
    typed = {name: value for name, value in line.own.items() if name in raw and value is not None}
    raw |= {name: None if value == "null" else value for name, value in typed.items()}
    if raw["archive"] is not None:
        raw["archive"] = expanded("archive", str(raw["archive"]))
    settings: Data = section(Data, raw, "")
    return program, settings


def packing(line: CommandLine) -> Packing:
    """How images are packed, with the verb's own words over conf/pack.yaml.

    Raises:
        SettingError: a value is not legal.
    """
    import yaml

    raw = _section("pack.yaml", "pack")
    for name in raw:
        if (typed := line.own[name]) is not None:
            try:
                raw[name] = yaml.safe_load(typed)
            except yaml.YAMLError:
                raw[name] = typed
    chosen: Packing = section(Packing, raw, "")
    if chosen.test + chosen.validation >= 1:
        what = f"test={chosen.test:g} and validation={chosen.validation:g} leave nothing to train on"
        raise SettingError(what, legal="less than 1 together", command=f"{line.verb.command} FOLDER OUT test=0.1")
    return chosen


def local_mode() -> Mode:
    """The settings of mode=local, whatever mode is selected."""
    local: Mode = section(Mode, _section("mode/local.yaml", "mode"), "mode.")
    return local


def _section(path: str, name: str) -> dict[str, Any]:
    import yaml

    try:
        with (conf.CONF / path).open(encoding="utf-8") as file:  # whose name an error tells
            content = yaml.safe_load(file)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise conf.mistake(error) from error
    values = content.get(name) if isinstance(content, dict) else None
    if not isinstance(values, dict):
        raise SettingError(f"conf/{path} has no section {name}", command="git checkout -- conf")
    return values
