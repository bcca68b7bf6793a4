"""Compose conf/ and the command line with Hydra, which is imported late and in this package alone."""

import os
import shlex
import tempfile
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.contract.errors import SettingError
from harness.settings import conf, expand
from harness.settings.check import check
from harness.settings.command_line import CommandLine
from harness.settings.conf import CONF, assigned
from harness.settings.schema import Config
from harness.settings.sweeps import Job, Search, Space

VERSION = "1.3"  # of Hydra's defaults


def run(
    line: CommandLine,
    task: Callable[[Config], int],
    grid: Callable[[list[Job]], list[int]],
    search: Callable[[Search], list[int]],
) -> int:
    """Do a task with what was typed, or, with -m, a grid or a search; the worst exit code.

    Raises:
        SettingError: a setting does not exist, or has an illegal value.
    """
    if not line.multirun:
        return task(one(line))
    jobs = _Jobs(grid, search)
    with _explained(line), tempfile.TemporaryDirectory() as scratch:
        expand.limit(line.overrides)
        # where Hydra leaves a file about its own part
        _hydra(["--multirun", *line.overrides, f"hydra.sweep.dir={scratch}"], jobs)
    return max(jobs.codes, default=0)


def one(line: CommandLine) -> Config:
    """The settings that were typed, for a verb that does one thing.

    Raises:
        SettingError: a setting does not exist, has an illegal value, or several of them.
        SystemExit: the settings were to be printed alone, and are.
    """
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with _explained(line):
        if line.show:
            _hydra(["--cfg", line.show, *line.overrides], check)
            raise SystemExit(0)
        # half the time of Hydra's main, which composes twice
        with initialize_config_dir(str(CONF), version_base=VERSION):
            composed = compose("config", overrides=list(line.overrides), return_hydra_config=True)
        OmegaConf.set_struct(composed, False)
        _refuse_sweep(line, dict(composed.pop("hydra").sweeper.params or {}))
        return _settled(composed)


class _Jobs:
    """Hydra's task of a sweep: launcher and sweeper of src/hydra_plugins pass it all jobs at once, or the space."""

    def __init__(self, grid: Callable[[list[Job]], list[int]], search: Callable[[Search], list[int]]) -> None:
        self._grid, self._search = grid, search
        self.codes: list[int] = []

    def __call__(self, composed: Any) -> None:
        self.grid([((), composed)])

    def grid(self, composed: Sequence[tuple[tuple[str, ...], Any]]) -> None:
        """Do all jobs of a grid, each given by its overrides and what these compose to."""
        self.codes += self._grid([Job(overrides, _settled(each)) for overrides, each in composed])

    def search(
        self, space: Space, fixed: tuple[str, ...], raw: dict[str, Any], composed: Callable[[list[str]], Any]
    ) -> None:
        """Search a space; `composed` composes the overrides of one job."""
        self.codes += self._search(Search(space, fixed, raw, lambda overrides: _settled(composed(list(overrides)))))


def _hydra(words: list[str], task: Callable[[Any], Any]) -> None:
    """What hydra.main does with the words of a command line; errors come as exceptions, not as a printout and exit."""
    from hydra import version
    from hydra._internal.utils import _run_hydra, get_args_parser

    os.environ["HYDRA_FULL_ERROR"] = "1"
    version.setbase(VERSION)
    parser = get_args_parser()
    arguments = parser.parse_args(words)
    _run_hydra(args=arguments, args_parser=parser, task_function=task, config_path=str(CONF), config_name="config")


@contextmanager
def _explained(line: CommandLine) -> Iterator[None]:
    """Turn Hydra's complaints into one line each."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except (YAMLError, UnicodeDecodeError, FileNotFoundError) as error:
        raise conf.mistake(error) from error
    except (HydraException, OmegaConfBaseException) as error:
        from harness.settings.explain import explain

        raise explain(error, line) from error


def _settled(composed: Any) -> Config:
    from omegaconf import OmegaConf

    values = typing.cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))
    return check({name: value for name, value in values.items() if name != "hydra"})


def _refuse_sweep(line: CommandLine, params: dict[str, Any]) -> None:
    """A recipe that is a sweep is no single run, unless all that it sweeps over is given.

    Raises:
        SettingError: as it says.
    """
    typed = {assigned(override)[0] for override in line.overrides}
    if (left := [name for name in params if name not in typed]) or "hydra/sweeper" in typed:
        raise SettingError(
            f"this is a sweep over {', '.join(left)}" if left else "hydra/sweeper is for sweeps",
            legal="-m, or one value for each",
            command=f"{line.verb.command} -m {shlex.join(line.overrides)}",
        )
