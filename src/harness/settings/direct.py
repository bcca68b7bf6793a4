"""Parts of conf/ as settings, read without Hydra: its import takes longer than what they are for."""

from typing import Any

from harness.settings import conf
from harness.settings.check import section
from harness.settings.command_line import CommandLine
from harness.settings.schema import Data, Mode


def data(line: CommandLine) -> tuple[str, Data]:
    """The program, and the settings of its data with the verb's own words over them.

    Raises:
        SettingError: a value is not legal.
    """
    (program,) = conf.chosen("program", line.overrides)
    raw = {**_section("config.yaml", "data"), **_section(f"program/{program}.yaml", "data")}
    typed = {name: value for name, value in line.own.items() if name in raw and value is not None}
    raw |= {name: None if value == "null" else value for name, value in typed.items()}
    settings: Data = section(Data, raw, "")
    return program, settings


def local_mode() -> Mode:
    """The settings of mode=local, whatever mode is selected."""
    local: Mode = section(Mode, _section("mode/local.yaml", "mode"), "mode.")
    return local


def _section(path: str, name: str) -> dict[str, Any]:
    import yaml

    content: dict[str, Any] = yaml.safe_load((conf.CONF / path).read_text())
    found: dict[str, Any] = content[name]
    return found
