"""What --help prints: what a verb does, its words, examples, settings with their defaults, exit codes."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

from harness.settings import conf
from harness.settings.conf import Setting
from harness.settings.verb import MISTAKE, Verb

WIDTH = 120
LEFT = 34  # columns of a word, before what is said of it
EXAMPLE = 56  # of an example

SWEEP = ("-m, --multirun", "train each combination of settings that have several values, like seed=0,1,2")
CFG = ("--cfg job", "print the composed settings and do nothing else")
HELP = ("-h, --help", "print this")
OF = "; beside program=NAME, mode=NAME or scale=NAME it lists the settings of that one"


def text(verb: Verb, overrides: Sequence[str]) -> str:
    """The help of a verb; `overrides` choose the program, mode and scale whose settings are listed."""
    selects = verb.takes("mode", "") and not verb.fixed
    names = [(verb.names.word, verb.names.about)] if verb.names else []
    arguments = [*names, *((own.word, own.about) for own in verb.own)]
    exits = {2: MISTAKE, **verb.exits}
    parts = [
        (verb.about or "").strip(),
        f"usage: {_usage(verb)}",
        _block("examples:", [(f"{verb.command} {words}".rstrip(), about) for words, about in verb.examples], EXAMPLE),
        _block("arguments:", arguments) if arguments else "",
        *_settings(verb, [*verb.fixed, *overrides]),
        _block("options:", [SWEEP] * verb.sweeps + [CFG] * verb.composes + [(HELP[0], HELP[1] + OF * selects)]),
        _block("exit codes:", [(str(code), exits[code]) for code in sorted(exits)], 5),
    ]
    return "\n\n".join(part for part in parts if part)


def _usage(verb: Verb) -> str:
    names = ""
    if verb.names:
        most = max(verb.names.counts)
        names = f"{verb.names.word} ..." if most > 2 else " ".join([verb.names.word] * most)
        names = f"[{names}]" if 0 in verb.names.counts else names
    own = [f"[{each.word}]" for each in verb.own]
    words = [verb.command, names, *own, "[SETTING=VALUE ...]" * bool(verb.settings), "[-m]" * verb.sweeps]
    return textwrap.fill(" ".join(word for word in words if word), WIDTH - 7, subsequent_indent=" " * 11)


def _settings(verb: Verb, overrides: Sequence[str]) -> list[str]:
    """A block for each part of conf/ that has settings which the verb takes."""
    program, mode = (conf.chosen(group, overrides)[0] for group in ("program", "mode"))
    scale = conf.chosen("scale", [*_scale_of_mode(mode), *overrides])[0]
    own, shared = conf.program(program), conf.shared()
    blocks = {
        f"settings of program={program}:": [each for each in own if each.section == "training"],
        f"settings of scale={scale}:": conf.scale(program, scale),
        f"settings of mode={mode}:": conf.mode(mode),
        "other settings:": [
            *(each for section in conf.SECTIONS for each in (*own, *shared) if each.section == section),
            *(each for each in shared if not each.section),
        ],
        "settings of a search (-m hydra/sweeper=optuna):": conf.search(),
    }
    choices = _choices(verb)
    lines = [_block("settings that select others:", choices)] if choices else []
    for title, settings in blocks.items():
        if rows := [each for each in settings if verb.takes(each.name, each.section)]:
            lines.append("\n".join([title, *_groups(rows)]))
    return lines


def _choices(verb: Verb) -> list[tuple[str, str]]:
    rows = []
    for choice in conf.choices():
        if verb.takes(choice.name, "") and not any(fixed.startswith(f"{choice.name}=") for fixed in verb.fixed):
            options = conf.options(choice.name)
            listed = "" if all(option in choice.about for option in options) else f": {' | '.join(options)}"
            rows.append((f"{choice.name}={choice.default}", choice.about + listed))
    if verb.takes("experiment", ""):
        rows.append(("+experiment=NAME", f"a recipe of conf/experiment: {' | '.join(conf.options('experiment'))}"))
    return rows


def _scale_of_mode(mode: str) -> list[str]:
    """A mode selects a scale, which another one that is typed replaces."""
    path = conf.CONF / "mode" / f"{mode}.yaml"
    return [f"{group}={option}" for group, option in conf.OVERRIDE.findall(path.read_text())]


def _groups(settings: Iterable[Setting]) -> list[str]:
    lines = []
    for heading, rows in groupby(settings, key=lambda each: each.heading):
        lines += [f" {heading}"] if heading else []
        lines += _rows([(f"{each.name}={each.default}", each.about) for each in rows], LEFT)
    return lines


def _block(title: str, rows: Iterable[tuple[str, str]], left: int = LEFT) -> str:
    return "\n".join([title, *_rows(rows, left)])


def _rows(rows: Iterable[tuple[str, str]], left: int) -> list[str]:
    """Words in a column, what is said of them beside it; below it where a word is too long."""
    lines = []
    for word, about in rows:
        said = textwrap.wrap(about, WIDTH - left)
        beside = said.pop(0) if said and len(word) <= left - 4 else ""
        lines.append(f"  {word.ljust(left - 2)}{beside}".rstrip())
        lines += [" " * left + line for line in said]
    return lines
