"""The folder of all runs, for verbs that take no other setting: without Hydra, whose import takes longer than they."""

import re
from pathlib import Path

from harness.settings import conf
from harness.settings.command_line import CommandLine
from harness.settings.paths import expanded
from harness.settings.project import ROOT

NAME = "runs_folder"
PLAIN = re.compile(r"[\w./-]+", re.ASCII)


def folder(line: CommandLine) -> Path:
    """The folder that was typed, or the default; Hydra says what any other text than a plain path means.

    Raises:
        SettingError: it is not legal.
        SystemExit: the settings were to be printed alone, and are.
    """
    typed = [conf.assigned(each) for each in line.overrides]
    default = next(each.default for each in conf.shared() if each.name == NAME)
    name, value = typed[0] if typed else (NAME, default)
    # A text with a slash is no number, no null and no truth value.
    plain = PLAIN.fullmatch(value) and ("/" in value or value == default)
    if len(typed) <= 1 and name == NAME and plain and not (line.show or line.multirun):
        return ROOT / expanded(NAME, value)
    from harness.settings import compose

    return ROOT / compose.one(line).runs_folder
