"""What a verb declares of its command line: its names, its own words, the settings that it takes, its exit codes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.contract.rules import Rule

MISTAKE = "one line says what is wrong or missing, and what to type"  # exit code 2 of every verb


@dataclass(frozen=True)
class Names:
    """Words without `=`, like the names of runs.

    Attributes:
        word: what stands for one of them, like RUN.
        counts: how many may be typed.
        in_words: the same in words, like "one run".
        about: what such a name is.
        legal: the legal ones, where there are only a few.
    """

    word: str
    counts: Collection[int]
    in_words: str
    about: str
    legal: tuple[str, ...] = ()


@dataclass(frozen=True)
class Own:
    """A word of one verb that is no setting of conf/: `name=VALUE`, or the bare name where VALUE is empty."""

    name: str
    value: str
    about: str
    rule: Rule | None = None

    @property
    def word(self) -> str:
        return f"{self.name}={self.value}" if self.value else self.name


@dataclass(frozen=True)
class Verb:
    """A program of src/.

    Attributes:
        name: that of its file, without .py.
        about: what it does: the docstring of its file.
        examples: what can be typed after its name, and what that does.
        exits: exit codes in words; 2 is added.
        names, own: the words that it takes beside settings.
        settings: the settings that it takes: names, sections like `mode`, or `training` for what the program is trained
            with.
        fixed: settings that it always has, before those that are typed.
        sweeps: whether it takes -m.
        composes: whether its settings are composed with Hydra, and can be printed.
    """

    name: str
    about: str | None
    examples: tuple[tuple[str, str], ...]
    exits: Mapping[int, str]
    names: Names | None = None
    own: tuple[Own, ...] = ()
    settings: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    sweeps: bool = False
    composes: bool = True

    @property
    def command(self) -> str:
        """What is typed to start it."""
        return f"python src/{self.name}.py"

    def takes(self, setting: str, section: str) -> bool:
        """Whether it takes a setting of a section of conf/."""
        return setting in self.settings or section in self.settings
