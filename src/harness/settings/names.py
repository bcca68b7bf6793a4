"""Refuse a setting that does not exist, in one line and before anything that takes long to import."""

import difflib
import shlex
from collections.abc import Iterator, Sequence

from harness.contract.errors import SettingError
from harness.settings import conf
from harness.settings.conf import Setting, assigned
from harness.settings.verb import Verb

SWEEPERS = ("basic", "optuna")


def refuse(verb: Verb, overrides: Sequence[str]) -> None:
    """Check the names of settings and options, those of recipes too; values are checked when all is composed.

    Raises:
        SettingError: names the first one that is wrong, and the legal ones.
    """
    programs, modes = conf.chosen("program", overrides), conf.chosen("mode", overrides)
    known = {each.name: each for each in _settings(programs, modes)}
    for override in overrides:
        name, value = assigned(override)
        added = override.startswith("+") and name not in ("", "experiment")
        if added and name not in known and not (conf.CONF / name).is_dir() and not name.startswith("hydra"):
            raise _unknown(verb, name, value, programs, modes, known)
        _refuse_form(verb, override, name)
        if name == "hydra/sweeper" and verb.takes(name, "hydra"):
            if value not in SWEEPERS:
                raise SettingError(
                    f"{override} does not exist", legal=" | ".join(SWEEPERS), command=f"{verb.command} -m {name}=optuna"
                )
        elif name in ("experiment", *(each.name for each in conf.choices())):
            if not verb.takes(name, ""):
                raise _not_taken(verb, name, known)
            if override not in verb.fixed and any(assigned(each)[0] == name for each in verb.fixed):
                raise SettingError(f"{verb.name}.py does not run with {override}", legal=", ".join(verb.fixed))
            _option(verb, override, name, value, programs)
        elif name not in known:
            raise _unknown(verb, name, value, programs, modes, known)
        elif not verb.takes(name, known[name].section):
            raise _not_taken(verb, name, known)
    for override in overrides:
        name, value = assigned(override)
        if name == "experiment" and conf.recipe(value).exists():
            for each in conf.read(conf.recipe(value)):
                if each.name not in known:
                    unknown = _unknown(verb, each.name, each.default, programs, modes, known)
                    raise SettingError(
                        f"{override} does not go with this program and mode: {unknown.what}", command=unknown.command
                    )


def _refuse_form(verb: Verb, override: str, name: str) -> None:
    """Refuse what Hydra would take: adding, forcing and removing parts of the configuration, which all are needed."""
    if not name:
        raise SettingError(f"{override}: a setting has a name", legal="name=value", command=f"{verb.command} --help")
    if override.startswith("~"):
        what = f"{override}: no setting can be left out"
        raise SettingError(what, legal=f"{name}=VALUE", command=f"{verb.command} --help")
    if override.startswith("+") and (override.startswith("++") or name != "experiment"):
        what = f"{override}: only a recipe is added, as +experiment=NAME"
        raise SettingError(what, legal="name=value", command=f"{verb.command} {override.lstrip('+')}")


def _settings(programs: Sequence[str], modes: Sequence[str]) -> Iterator[Setting]:
    for program in programs:
        yield from conf.program(program)
        for scale in conf.options("scale"):
            yield from conf.scale(program, scale)
    for mode in modes:
        yield from conf.mode(mode)
    yield from conf.shared()
    yield from conf.search()


def _option(verb: Verb, override: str, name: str, value: str, programs: Sequence[str]) -> None:
    """Check the option of a group; several, for a sweep, are left to Hydra unless they are plain names."""
    legal = conf.options(name)
    if name == "scale":
        scales = [set(conf.options("scale_of", program)) for program in programs]
        legal = [each for each in legal if all(each in has for has in scales)]
    for option in value.split(","):
        if option in legal or (option != value and not option.isidentifier()) or "(" in value:
            continue
        meant = (difflib.get_close_matches(option, legal, 1) or legal)[0]
        plus = "+" if name == "experiment" else ""
        raise SettingError(
            f"{name}={option} does not exist", legal=" | ".join(legal), command=f"{verb.command} {plus}{name}={meant}"
        )
    if name == "experiment" and not override.startswith("+"):
        raise SettingError(f"{override}: a recipe is added, not replaced", command=f"{verb.command} +{override}")


def _unknown(
    verb: Verb, name: str, value: str, programs: Sequence[str], modes: Sequence[str], known: dict[str, Setting]
) -> SettingError:
    for group, chosen in (("program", programs), ("mode", modes)):
        for other in conf.options(group):
            settings = _settings([other], []) if group == "program" else iter(conf.mode(other))
            if other not in chosen and any(each.name == name for each in settings):
                return SettingError(
                    f"{name} is a setting of {group}={other}, not of {group}={','.join(chosen)}",
                    command=f"{verb.command} {group}={other} {name}={shlex.quote(value)}",
                )
    legal = _taken(verb, known)
    if name.startswith(conf.SWEEPER) and verb.takes(name, "hydra"):
        legal = [each for each in legal if each.startswith(conf.SWEEPER)]
        meant = (difflib.get_close_matches(name, legal, 1) or legal)[0]
        command = f"{verb.command} -m hydra/sweeper=optuna {meant}={value}"
        return SettingError(f"{name} is not a setting", legal=", ".join(legal), command=command)
    if close := difflib.get_close_matches(name, legal, 1):
        return SettingError(f"{name} is not a setting", legal=close[0], command=f"{verb.command} {close[0]}={value}")
    return SettingError(f"{name} is not a setting", legal=", ".join(legal), command=f"{verb.command} --help")


def _not_taken(verb: Verb, name: str, known: dict[str, Setting]) -> SettingError:
    legal = ", ".join(_taken(verb, known))
    return SettingError(f"{verb.name}.py takes no {name}", legal=legal, command=f"{verb.command} --help")


def _taken(verb: Verb, known: dict[str, Setting]) -> list[str]:
    """All names that can stand left of `=`."""
    own = [each.name for each in verb.own if each.value]
    chosen = [each.name for each in conf.choices() if verb.takes(each.name, "")]
    return [*own, *chosen, *(name for name, each in known.items() if verb.takes(name, each.section))]
