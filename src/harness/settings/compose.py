"""The configuration: composed from conf/ and the command line by Hydra, which is imported late and here alone."""

import difflib
import os
import re
import shlex
import sys
import typing
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from harness.contract.errors import HarnessError, SettingError
from harness.settings.command_line import command_name
from harness.settings.project import ROOT
from harness.settings.schema import FLAGS, Cloud, Comet, Config, Data, Mode, check, section
from harness.settings.sweeps import Job, Search, Space, Tuning
from programs.cifar10.settings import Training

SWEEPERS = ("basic", "optuna")


def run(
    task: Callable[[Config], int],
    together: Callable[[list[Job]], list[int]] | None = None,
    search: Callable[[Search], list[int]] | None = None,
) -> int:
    """Compose the command line's overrides over conf/, check them, and run the task; returns its exit code.

    A sweep (-m) is one call of `together`, or one task after the other; with hydra/sweeper=optuna one of `search`.

    Raises:
        SettingError: the command line names a setting or an option that does not exist, or an illegal value.
    """
    from hydra import compose, initialize_config_dir
    from hydra import main as hydra_main
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
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

    def run_all(composed: list[tuple[tuple[str, ...], Any]]) -> None:
        try:
            jobs = [Job(overrides, _settled(each)) for overrides, each in composed]
            codes.extend(together(jobs) if together else [task(job.settings) for job in jobs])
        except HarnessError as error:
            mistakes.append(error)

    def run_search(space: Space, fixed: tuple[str, ...], raw: dict[str, Any], composed: Callable[[Any], Any]) -> None:
        if search is None:
            raise SettingError(
                f"{command_name()} searches nothing", command="python src/train.py -m hydra/sweeper=optuna"
            )
        codes.extend(search(Search(space, fixed, raw, lambda overrides: _settled(composed(list(overrides))))))

    # where launcher and sweeper of src/hydra_plugins look for them
    checked.together, checked.search = run_all, run_search  # type: ignore[attr-defined]
    try:
        if any(argument.startswith("-") for argument in arguments):  # Hydra's own: --help, --cfg job, --multirun
            os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here as exceptions, not as Hydra's printout and exit
            hydra_main(version_base="1.3", config_path=conf, config_name="config")(checked)()
        else:  # half the time of hydra.main, which composes twice
            with initialize_config_dir(conf, version_base="1.3"):
                composed = compose("config", overrides=arguments, return_hydra_config=True)
            OmegaConf.set_struct(composed, False)
            _refuse_sweep(arguments, dict(composed.pop("hydra").sweeper.params or {}))
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
        SettingError: as `run`.
    """
    import yaml

    composed = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text())
    raw = {**composed["data"], "publish": composed["publish"]}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or name not in raw:
            close = difflib.get_close_matches(name, list(raw), 1) or list(raw)
            raise SettingError(
                f"{argument} is not a setting", legal=", ".join(raw), command=f"{command_name()} {close[0]}=…"
            )
        raw[name] = None if value == "null" else value
    publish = raw.pop("publish")
    return section(Data, raw, ""), publish


def local_mode() -> Mode:
    """The settings of mode=local, whatever mode is asked for."""
    import yaml

    raw = yaml.safe_load((ROOT / "conf" / "mode" / "local.yaml").read_text())["mode"]
    local: Mode = section(Mode, raw, "mode.")
    return local


def _explain(error: Exception) -> SettingError:
    """Hydra's complaint as one line: the option or setting that is wrong, and what could have been meant."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    for argument in arguments:
        if (found := _sweep_in(argument)) and (mistake := _explain_sweep(argument, found, arguments)):
            return mistake
    for argument in arguments:
        name, _, value = argument.lstrip("+~").partition("=")
        group = ROOT / "conf" / name
        options = sorted(path.stem for path in group.glob("*.yaml")) if re.fullmatch(r"\w+", name) else []
        if options and value not in options:
            meant = (difflib.get_close_matches(value, options, 1) or options)[0]
            plus = "+" if argument.startswith("+") else ""
            command = f"{command_name()} {plus}{name}={meant}"
            return SettingError(f"{name}={value} does not exist", legal=" | ".join(options), command=command)
        if options and name == "experiment" and not argument.startswith("+"):
            return SettingError(
                f"{argument}: a recipe is added, not replaced", command=f"{command_name()} +{name}={value}"
            )
        if name == "hydra/sweeper" and value not in SWEEPERS:
            command = f"{command_name()} -m {name}=optuna"
            return SettingError(f"{argument} does not exist", legal=" | ".join(SWEEPERS), command=command)
        if name.startswith("hydra.sweeper.") and (known := _sweepers()) and name not in known:
            meant = (difflib.get_close_matches(name, known, 1) or known)[0]
            command = f"{command_name()} -m hydra/sweeper=optuna {meant}={value}"
            return SettingError(f"{name} is not a setting", legal=", ".join(known), command=command)
        settings = _settings()
        if "=" in argument and not options and name not in settings and not name.startswith("hydra"):
            close = difflib.get_close_matches(name, settings, 1)
            legal = close[0] if close else ", ".join(settings)
            command = f"{command_name()} {close[0]}={value}" if close else f"{command_name()} --help"
            return SettingError(f"{name} is not a setting", legal=legal, command=command)
        try:
            OverridesParser.create().parse_override(argument)
        except HydraException:
            return SettingError(f"{argument} cannot be read", legal="name=value", command=f"{command_name()} --help")
    return SettingError(str(error).splitlines()[0], command=f"{command_name()} --help")


def _sweep_in(argument: str) -> str:
    """The kind of sweep that an argument asks for, in Hydra's word; empty where it asks for none."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        found = OverridesParser.create().parse_override(argument)
    except HydraException:
        return ""
    return found.value_type.name if found.is_sweep_override() and found.value_type else ""


def _explain_sweep(argument: str, kind: str, arguments: list[str]) -> SettingError | None:
    name, typed = argument.partition("=")[0], shlex.join(arguments)
    if kind == "INTERVAL_SWEEP" and "hydra/sweeper=optuna" not in arguments:
        command = f"{command_name()} -m hydra/sweeper=optuna {typed}"
        return SettingError(f"{argument}: a grid has no intervals", legal=f"{name}=A,B,C", command=command)
    if not {"-m", "--multirun"} & set(sys.argv[1:]):
        return SettingError(f"{argument} is a sweep", legal="one value", command=f"{command_name()} -m {typed}")
    return None


def _sweepers() -> list[str]:
    return [f"hydra.sweeper.{field.name}" for field in fields(Tuning)]


def _refuse_sweep(arguments: list[str], params: dict[str, Any]) -> None:
    """A recipe that is a sweep is no single run, unless all that it sweeps over is given.

    Raises:
        SettingError: as it says.
    """
    typed = {argument.lstrip("+").partition("=")[0] for argument in arguments}
    if (left := [name for name in params if name not in typed]) or "hydra/sweeper" in typed:
        raise SettingError(
            f"this is a sweep over {', '.join(left)}" if left else "hydra/sweeper is for sweeps",
            legal="-m, or one value for each",
            command=f"{command_name()} -m {shlex.join(arguments)}",
        )


def _settings() -> list[str]:
    names = []
    for kind, prefix in ((Training, ""), (Cloud, "mode."), (Data, "data."), (Comet, "comet.")):
        names += [prefix + field.name for field in fields(typing.cast(Any, kind))]
    groups = sorted(path.name for path in (ROOT / "conf").iterdir() if path.is_dir())
    return [*names, "runs_folder", "resume", "publish", "sweep", *FLAGS, *groups]
