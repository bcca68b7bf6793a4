"""What --help prints: what a verb does, its words, examples, settings with their defaults, exit codes."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

from harness.settings import conf
from harness.settings.conf import Setting
from harness.settings.verb import MISTAKE, Verb

WIDTH = 120
LEFT = 34  # columns of a word, before what is said of it

OPTIONS = (
    ("--cfg job", "print the composed settings and do nothing else"),
    ("-h, --help", "print this; with program=NAME or mode=NAME the settings of that one"),
)
SWEEP = ("-m, --multirun", "train each combination of settings that have several values, like seed=0,1,2")
BRIEF = (("-h, --help", "print this"),)


def text(verb: Verb, overrides: Sequence[str]) -> str:
    """The help of a verb; `overrides` choose the program, mode and scale whose settings are listed."""
    parts = [(verb.about or "").strip(), f"usage: {_usage(verb)}"]
    parts.append(_block("examples:", ((f"{verb.command} {words}".rstrip(), about) for words, about in verb.examples), 56))
    if verb.names or verb.own:
        names = [(verb.names.word, verb.names.about)] if verb.names else []
        parts.append(_block("arguments:", [*names, *((each.word, each.about) for each in verb.own)]))
    parts += _settings(verb, overrides)
    options = (*((SWEEP,) if verb.sweeps else ()), *(OPTIONS if verb.settings else BRIEF))
    parts.append(_block("options:", options))
    exits = {**verb.exits, 2: verb.exits[2] if 2 in verb.exits else MISTAKE}
    parts.append(_block("exit codes:", ((str(code), about) for code, about in sorted(exits.items())), 5))
    return "\n\n".join(parts)


def _usage(verb: Verb) -> str:
    names = f" {verb.names.word}" if verb.names else ""
    if verb.names and 0 in verb.names.counts:
        names = f" [{verb.names.word}]"
    if verb.names and max(verb.names.counts) > 2:
        names += "..."
    own = "".join(f" [{each.word}]" for each in verb.own)
    return f"{verb.command}{names}{own}{' [SETTING=VALUE ...]' if verb.settings else ''}{' [-m]' if verb.sweeps else ''}"


def _settings(verb: Verb, overrides: Sequence[str]) -> list[str]:
    """A block for each place in conf/ that has settings which the verb takes."""
    chosen = {each.name: conf.chosen(each.name, overrides)[0] for each in conf.choices()}
    program, mode = chosen["program"], chosen["mode"]
    scale = conf.chosen("scale", [*overrides, *_scale_of_mode(mode, overrides)])[0]
    choices = [
        (f"{each.name}={'|'.join(conf.options(each.name))}", f"{each.about}; default {each.default}")
        for each in conf.choices()
        if verb.takes(each.name, "")
    ]
    if verb.takes("experiment", ""):
        choices.append(("+experiment=NAME", f"a recipe of conf/experiment: {', '.join(conf.options('experiment'))}"))
    blocks = [_block("settings that select others:", choices)] if choices else []
    own, scaled = conf.program(program), conf.scale(program, scale)
    for title, settings in (
        (f"settings of program={program} (src/programs/{program}):", (each for each in own if each.section == "training")),
        (f"settings of scale={scale}:", scaled),
        (f"settings of mode={mode}:", conf.mode(mode)),
        ("settings of every program:", sorted((*own, *conf.shared()), key=lambda each: each.heading != "data")),
        ("settings of a search (-m hydra/sweeper=optuna):", conf.search()),
    ):
        rows = [each for each in settings if verb.takes(each.name, each.section)]
        if title.startswith("settings of every"):
            rows = [each for each in rows if each.section != "training"]
        if rows:
            blocks.append("\n".join([title, *_groups(rows)]))
    return blocks


def _scale_of_mode(mode: str, overrides: Sequence[str]) -> list[str]:
    """A mode selects a scale where none is named."""
    named = any(conf.assigned(override)[0] in ("scale", "experiment") for override in overrides)
    path = conf.CONF / "mode" / f"{mode}.yaml"
    return [] if named else [f"{key}={value}" for key, value in conf.OVERRIDE.findall(path.read_text())]


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
        said = textwrap.wrap(about, WIDTH - left) or [""]
        if len(word) > left - 4:
            lines.append(f"  {word}")
        else:
            said[0] = f"  {word.ljust(left - 2)}{said[0]}"
            lines.append(said.pop(0).rstrip())
        lines += [f"{'':{left}}{line}" for line in said]
    return lines
