"""The configuration: composed from conf/ and the command line by Hydra, which is imported late and here alone."""

import difflib
import os
import re
import sys
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from harness.errors import ChangeSetting, HarnessError
from harness.settings import FLAGS, Cloud, Comet, Config, Data, Mode, Training, check, section, verb

ROOT = Path(__file__).resolve().parents[2]


def run(task: Callable[[Config], int], together: Callable[[list[Config]], list[int]] | None = None) -> int:
    """Compose the command line's overrides over conf/, check them, and run the task; returns its exit code.

    A sweep (-m) is one task after the other; where conf/ asks for the launcher `together` it is one call for all.

    Raises:
        ChangeSetting: the command line names a setting or an option that does not exist, or an illegal value.
    """
    from hydra import compose, initialize_config_dir
    from hydra import main as hydra_main
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    arguments, conf = sys.argv[1:], str(ROOT / "conf")
    codes: list[int] = []
    mistakes: list[HarnessError] = []

    def checked(composed: Any) -> None:
        if mistakes:  # of an earlier job of a sweep
            return
        try:
            run_one(composed)
        except HarnessError as error:  # kept from Hydra, which would print a line of its own
            mistakes.append(error)

    def run_one(composed: Any) -> None:
        codes.append(task(_settled(composed)))

    def run_all(composed: list[Any]) -> None:
        assert together is not None
        try:
            codes.extend(together([_settled(each) for each in composed]))
        except HarnessError as error:
            mistakes.append(error)

    checked.together = run_all  # type: ignore[attr-defined]  # where the launcher `together` looks for it
    try:
        if any(argument.startswith("-") for argument in arguments):  # Hydra's own: --help, --cfg job, --multirun
            os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here as exceptions, not as Hydra's printout and exit
            hydra_main(version_base="1.3", config_path=conf, config_name="config")(checked)()
        else:  # half the time of hydra.main, which composes twice
            with initialize_config_dir(conf, version_base="1.3"):
                composed = compose("config", overrides=arguments)
            checked(composed)
    except (HydraException, OmegaConfBaseException) as error:
        raise _explain(error) from error
    if mistakes:
        raise mistakes[0]
    return max(codes, default=0)


def _settled(composed: Any) -> Config:
    from omegaconf import OmegaConf

    return check(typing.cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True)))


def of_data(arguments: list[str]) -> tuple[Data, str | None]:
    """The settings of `data` and `publish` alone, from conf/config.yaml and `name=value` arguments.

    For a verb that a pipeline runs each time: Hydra's import takes longer than checking that the data is there.

    Raises:
        ChangeSetting: as `run`.
    """
    import yaml

    composed = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text())
    raw = {**composed["data"], "publish": composed["publish"]}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or name not in raw:
            close = difflib.get_close_matches(name, list(raw), 1) or list(raw)
            raise ChangeSetting(f"{argument} is not a setting", legal=", ".join(raw), command=f"{verb()} {close[0]}=…")
        raw[name] = None if value == "null" else value
    publish = raw.pop("publish")
    return section(Data, raw, ""), publish


def local_mode() -> Mode:
    """The settings of mode=local, whatever mode is asked for."""
    import yaml

    raw = yaml.safe_load((ROOT / "conf" / "mode" / "local.yaml").read_text())["mode"]
    local: Mode = section(Mode, raw, "mode.")
    return local


def _explain(error: Exception) -> ChangeSetting:
    """Hydra's complaint as one line: the option or setting that is wrong, and what could have been meant."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    for argument in sys.argv[1:]:
        name, _, value = argument.lstrip("+~").partition("=")
        group = ROOT / "conf" / name
        options = sorted(path.stem for path in group.glob("*.yaml")) if re.fullmatch(r"\w+", name) else []
        if options and value not in options:
            meant = (difflib.get_close_matches(value, options, 1) or options)[0]
            plus = "+" if argument.startswith("+") else ""
            command = f"{verb()} {plus}{name}={meant}"
            return ChangeSetting(f"{name}={value} does not exist", legal=" | ".join(options), command=command)
        if options and name == "experiment" and not argument.startswith("+"):
            return ChangeSetting(f"{argument}: a recipe is added, not replaced", command=f"{verb()} +{name}={value}")
        settings = _settings()
        if "=" in argument and not options and name not in settings and not name.startswith("hydra"):
            close = difflib.get_close_matches(name, settings, 1)
            legal = close[0] if close else ", ".join(settings)
            command = f"{verb()} {close[0]}={value}" if close else f"{verb()} --help"
            return ChangeSetting(f"{name} is not a setting", legal=legal, command=command)
        try:
            OverridesParser.create().parse_override(argument)
        except HydraException:
            return ChangeSetting(f"{argument} cannot be read", legal="name=value", command=f"{verb()} --help")
    return ChangeSetting(str(error).splitlines()[0], command=f"{verb()} --help")


def _settings() -> list[str]:
    names = []
    for kind, prefix in ((Training, ""), (Cloud, "mode."), (Data, "data."), (Comet, "comet.")):
        names += [prefix + field.name for field in fields(typing.cast(Any, kind))]
    groups = sorted(path.name for path in (ROOT / "conf").iterdir() if path.is_dir())
    return [*names, "runs_folder", "resume", "publish", "sweep", *FLAGS, *groups]
