"""conf/ as it stands: every setting with its default and comment, read without Hydra, whose import takes a second."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.contract.errors import SettingError
from harness.settings.project import ROOT

CONF = ROOT / "conf"
SWEEPER = "hydra.sweeper."
LINE = re.compile(r'( *)"?([A-Za-z_]\w*)"?:(?: +([^#\s].*?))?(?: +# (.*))?')
CHOICE = re.compile(r"  - (\w+): (\w+) # (.*)")  # an entry of a list of defaults that is there to be chosen
OVERRIDE = re.compile(r"(?m)^ +- override /(\w+): (\w+)")
SECTIONS = ("mode", "data", "comet")


@dataclass(frozen=True)
class Setting:
    """One setting: its name on the command line, its default, its comment, the heading above it, its file."""

    name: str
    default: str
    about: str
    heading: str
    file: Path

    @property
    def section(self) -> str:
        """The part of the configuration that it belongs to: `training` is what a program is trained with."""
        if self.name.startswith(SWEEPER):
            return "hydra"
        first = self.name.partition(".")[0]
        trained = self.file.parent.name == "program" or self.file.parent.parent.name == "scale_of"
        return first if first in SECTIONS else "training" if trained else ""


def read(path: Path) -> tuple[Setting, ...]:
    """The settings of a file of conf/, in order; not what it says to Hydra."""
    prefix = SWEEPER if path.parent.name == "sweeper" else ""
    settings, parents, heading, blank = [], [""], "", False
    for line in _lines(path):
        if blank and line.startswith("# "):
            heading = line[2:]
        blank = not line
        if (match := LINE.fullmatch(line)) is None:
            continue
        indent, name, value, about = match.groups(default="")
        parents[len(indent) // 2 :] = [name]
        if value and parents[0] not in ("defaults", "hydra") and parents != [path.parent.name]:
            settings.append(Setting(prefix + ".".join(parents), value, about, heading, path))
    return tuple(settings)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise mistake(error) from error


def choices() -> tuple[Setting, ...]:
    """What is chosen by the name of a file: the program, the scale, the mode."""
    path = CONF / "config.yaml"
    matches = (CHOICE.fullmatch(line) for line in _lines(path))
    return tuple(Setting(match[1], match[2], match[3], "", path) for match in matches if match)


def options(*group: str) -> list[str]:
    """The files of a group of conf/, by name; none where there is no such group."""
    named = all(re.fullmatch(r"\w+", part) for part in group)
    return sorted(path.stem for path in CONF.joinpath(*group).glob("*.yaml")) if named else []


def program(name: str) -> tuple[Setting, ...]:
    """A program's own settings, without those that a scale sets."""
    return read(CONF / "program" / f"{name}.yaml")


def scale(program: str, name: str) -> tuple[Setting, ...]:
    """What a scale means to a program."""
    path = CONF / "scale_of" / program / f"{name}.yaml"
    return read(path) if path.exists() else ()


def mode(name: str) -> tuple[Setting, ...]:
    """The settings of a mode, without its name."""
    return tuple(each for each in read(CONF / "mode" / f"{name}.yaml") if each.name != "mode.name")


def shared() -> tuple[Setting, ...]:
    """The settings that every program has."""
    return read(CONF / "config.yaml")


def search() -> tuple[Setting, ...]:
    """The settings of a search with Optuna."""
    return read(CONF / "hydra" / "sweeper" / "optuna.yaml")


def recipe(name: str) -> Path:
    """The file of a named recipe."""
    return CONF / "experiment" / f"{name}.yaml"


def chosen(group: str, overrides: Sequence[str]) -> list[str]:
    """The options of a group that these overrides choose: one, or those of a sweep."""
    typed = [value.split(",") for name, value in map(assigned, overrides) if name == group]
    if typed:
        return [name for name in typed[-1] if name in options(group)] or options(group)
    recipes = [name for key, value in map(assigned, overrides) if key == "experiment" for name in value.split(",")]
    files = [path for name in recipes if (path := recipe(name)).exists()]
    found = [option for path in files for key, option in OVERRIDE.findall("\n".join(_lines(path))) if key == group]
    return found or [each.default for each in choices() if each.name == group]


def mistake(error: Exception) -> SettingError:
    """A file of conf/ that cannot be read: which one, where, and why."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        place = Path(str(mark.name))
        name = place.relative_to(ROOT) if place.is_relative_to(ROOT) else place
        where, why = f"{name}, line {mark.line + 1}", getattr(error, "problem", None) or "it is no YAML"
    elif isinstance(error, FileNotFoundError):
        where, why = str(error.filename), "it is not there"
    else:
        where, why = next((str(path.relative_to(ROOT)) for path in _unreadable()), "conf/"), str(error)
    return SettingError(f"{where}: {why}", legal="YAML, as in the last commit", command="git diff conf")


def _unreadable() -> Iterator[Path]:
    """Files of conf/ that are no text."""
    for path in sorted(CONF.rglob("*.yaml")):
        try:
            path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            yield path


def assigned(override: str) -> tuple[str, str]:
    """Name and value of an override in Hydra's syntax; the value is empty where it has none."""
    name, _, value = override.lstrip("+~").partition("=")
    return name, value
