"""What a program must be to be loaded: light to import, and with a rule for each setting. Standard library only."""

import importlib.machinery
import sys
import threading
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass

from harness.contract.errors import SettingError
from harness.contract.metrics import Metric
from harness.contract.plan import Description
from harness.contract.rules import Rule
from harness.contract.serial import from_json, to_json

OWN = ("harness", "programs")  # packages that a program's __init__ may import beside Python's own


def path(name: str) -> str:
    """The file of a program, as it is called in messages."""
    return f"src/programs/{name}/__init__.py"


class _Finder:
    """Refuses, in one thread, every module that is neither Python's own nor this project's."""

    def __init__(self, program: str) -> None:
        self._program, self._thread = program, threading.get_ident()

    def find_spec(self, name: str, found_in: Sequence[str] | None = None, target: object = None) -> None:
        """Nothing, so that the next finder is asked.

        Raises:
            SettingError: the module is there, and is not to be imported.
        """
        own = name in OWN or name in sys.stdlib_module_names or threading.get_ident() != self._thread
        if found_in is None and not own and importlib.machinery.PathFinder.find_spec(name) is not None:
            raise _heavy(self._program, name)


@contextmanager
def light(program: str) -> Iterator[None]:
    """Import the __init__ of a program in here: an import of a library is refused before that library loads.

    Raises:
        SettingError: it imports one, or something that is not installed.
    """
    finder = _Finder(program)
    sys.meta_path.insert(0, finder)
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if not name or name in OWN or name in sys.stdlib_module_names:
            raise
        raise _heavy(program, name) from error
    finally:
        sys.meta_path.remove(finder)


def _heavy(program: str, name: str) -> SettingError:
    what = f"{path(program)} imports {name}, which may take seconds to load or not be installed"
    return SettingError(what, legal=f"import {name} in the function, or in another module, that uses it")


def check(name: str, settings: type[object], metrics: tuple[Metric, ...], examples: str, model: str) -> None:
    """Refuse what a PROGRAM holds where it cannot be used.

    Raises:
        SettingError: a setting has no rule, there is no seed, or plans cannot hold what it says of itself.
    """
    declared = is_dataclass(settings) and isinstance(settings, type)
    if not (declared and settings.__dataclass_params__.frozen):  # type: ignore[attr-defined]  # typeshed lacks it
        raise SettingError(f"{path(name)}: settings is no frozen dataclass", legal="@dataclass(frozen=True)")
    hints = typing.get_type_hints(settings, include_extras=True)
    for each, hint in hints.items():
        if not isinstance(next(iter(typing.get_args(hint)[1:]), None), Rule):
            kind = getattr(hint, "__name__", "float")
            legal = (
                f"{each}: Annotated[{kind}, RULE] with one of harness.contract.rules, like in_range(0) or one_of(1, 2)"
            )
            raise SettingError(f"{path(name)}: the setting {each} has no rule", legal=legal)
    if "seed" not in hints:
        raise SettingError(f"{path(name)}: there is no setting seed", legal="seed: Annotated[int, in_range(0)]")
    try:
        from_json(Description, to_json(Description(name, metrics, examples, model)))
    except (ValueError, TypeError) as error:
        raise SettingError(f"{path(name)}: {str(error).replace('Description', 'PROGRAM', 1)}") from error
