"""The command line: read here and nowhere else."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.contract.errors import SettingError
from harness.settings import names
from harness.settings.conf import assigned, options, shared
from harness.settings.paths import expanded, quoted
from harness.settings.project import ROOT
from harness.settings.verb import Own, Verb

MULTIRUN = ("-m", "--multirun")
SHOW = ("--cfg", "-c")
ProgramOf = Callable[[Path, str], str | None]
SHOWN = ("job", "hydra", "all")  # the parts of the configuration that --cfg prints


@dataclass(frozen=True)
class CommandLine:
    """What was typed after a verb, checked as far as that goes without composing the settings.

    Attributes:
        names: words without `=`, like the names of runs.
        own: the verb's own words by name; None where one was not typed, its own name where it has no value.
        overrides: the settings, in Hydra's syntax and in their order.
        multirun: whether -m was typed.
        show: the part of the configuration to print instead, where --cfg was typed.
    """

    verb: Verb
    names: tuple[str, ...]
    own: Mapping[str, str | None]
    overrides: tuple[str, ...]
    multirun: bool
    show: str | None


def read(verb: Verb, program_of: ProgramOf | None = None) -> CommandLine:
    """The command line of this process; --help is answered.

    A verb that is about a run takes the settings of that run's program, which `program_of` tells from the folder of all
    runs and the run's name.

    Raises:
        SettingError: a word is not known.
        SystemExit: help was asked for, and given.
    """
    words = typed_words()
    if {"-h", "--help"} & set(words):
        from harness.settings import help  # late: only here

        chosen = [word for word in words if word.partition("=")[0] in ("program", "mode", "scale") and "=" in word]
        names.refuse(verb, chosen)
        try:
            print(help.text(verb, chosen), flush=True)
        except BrokenPipeError:  # of `| head`; nothing more may be written when Python exits
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0)
    return parse(verb, words, program_of)


def parse(verb: Verb, words: Sequence[str], program_of: ProgramOf | None = None) -> CommandLine:
    """The words after a verb's name, each as what it is.

    Raises:
        SettingError: a word is not known.
    """
    own: dict[str, str | None] = {each.name: None for each in verb.own}
    typed: list[str] = []
    overrides, multirun, show = list(verb.fixed), False, None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word in MULTIRUN and verb.sweeps:
            multirun = True
        elif name in SHOW and verb.composes:
            show = value if equals else rest.pop(0) if rest else ""
        elif word.startswith("-"):
            raise _no_option(verb, word)
        elif (each := _own(verb, name, bool(equals))) is not None:
            own[name] = _checked(verb, each, value)
        elif equals or word[0:1] in ("+", "~"):
            overrides.append(f"{name}={quoted(expanded(name, value))}" if value.startswith("~") else word)
        else:
            typed.append(word)
    if show is not None and (show not in SHOWN or multirun):
        legal = f"{' | '.join(SHOWN)}, without -m"
        raise SettingError(f"--cfg {show}", legal=legal, command=f"{verb.command} --cfg job")
    program = _program(overrides, typed, program_of) if program_of else None
    selected = [f"program={program}"] if program else []
    names.refuse(verb, [*(selected if verb.takes("program", "") else ()), *overrides])
    _count(verb, typed)
    overrides = [*selected, *overrides]
    return CommandLine(verb, tuple(typed), own, tuple(overrides), multirun, show)


def _program(overrides: Sequence[str], typed: Sequence[str], program_of: ProgramOf) -> str | None:
    """The program of the run that is named, or resumed; None where there is none, or another one was typed."""
    settings = dict(map(assigned, overrides))
    run = typed[0] if typed else settings.get("resume")
    if run is None or "program" in settings:
        return None
    runs = {setting.name: setting.default for setting in shared()} | settings
    program = program_of(ROOT / expanded("runs_folder", runs["runs_folder"]), run)
    return program if program in options("program") else None


def _own(verb: Verb, name: str, valued: bool) -> Own | None:
    return next((each for each in verb.own if each.name == name and bool(each.value) == valued), None)


def _checked(verb: Verb, own: Own, value: str) -> str:
    if own.rule and not own.rule.test(value):
        raise SettingError(
            f"{own.name}={value} is not legal",
            legal=own.rule.legal,
            command=f"{verb.command} {own.name}={own.rule.nearest(value)}",
        )
    return value if own.value else own.name


def _count(verb: Verb, typed: Sequence[str]) -> None:
    command = f"{verb.command} --help"
    if verb.names is None:
        if typed:
            raise SettingError(f"{verb.name}.py takes no {typed[0]}", legal="name=value", command=command)
        return
    if verb.names.legal and (wrong := [name for name in typed if name not in verb.names.legal]):
        legal = verb.names.legal
        raise SettingError(f"{wrong[0]} is not legal", legal=" | ".join(legal), command=f"{verb.command} {legal[0]}")
    if len(typed) not in verb.names.counts:
        raise SettingError(
            f"{verb.name}.py takes {verb.names.in_words}",
            legal=verb.names.about,
            command=f"{verb.command} {verb.names.word if min(verb.names.counts) == 1 else '--help'}",
        )


def _no_option(verb: Verb, word: str) -> SettingError:
    legal = ["-h", *(MULTIRUN[:1] if verb.sweeps else ()), *(["--cfg job"] if verb.composes else ())]
    what = f"{verb.name}.py has no option {word}"
    return SettingError(what, legal=", ".join(legal), command=f"{verb.command} --help")


def command_name() -> str:
    """The command that was typed, for error messages."""
    return f"python src/{Path(sys.argv[0]).name}"


def command_words() -> tuple[str, ...]:
    """The verb's file and all words after it."""
    return (Path(sys.argv[0]).name, *sys.argv[1:])


def typed_words() -> tuple[str, ...]:
    """All words after the verb."""
    return tuple(sys.argv[1:])


def typed_settings() -> frozenset[str]:
    """The names of the settings that were typed."""
    return frozenset(assigned(word)[0] for word in typed_words() if "=" in word)
