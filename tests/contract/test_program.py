"""Programs are found by name, and asking for one costs nothing."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.contract import admission, program
from harness.contract.command import Command
from harness.contract.errors import SettingError
from harness.contract.job import Group, Workers
from tests.support import tiny

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "tensorflow", "keras", "matplotlib", "sklearn", "scipy", "torch", "hydra", "dvc", "boto3", "yaml")


def test_a_program_that_is_not_there_is_refused_with_those_that_are() -> None:
    for name in ("nothing", "", "../cifar10", "cifar10.step", "__pycache__", "Cifar10"):
        with pytest.raises(SettingError) as error:
            program.load(name)
        legal = " | ".join(program.names())
        assert str(error.value).startswith(f"program={name} does not exist; legal: {legal}; type: ls ")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that is looked in for this test."""
    import programs

    monkeypatch.setattr(program, "_folder", lambda: tmp_path)
    monkeypatch.setattr(programs, "__path__", [str(tmp_path), *programs.__path__])
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(text)


def test_a_module_without_a_program_is_refused(elsewhere: Path) -> None:
    write(elsewhere, "empty_one", '"""Nothing."""\n')
    write(elsewhere, "wrong_one", "PROGRAM = 'text'\n")
    (elsewhere / "folder_alone").mkdir()
    for name in ("empty_one", "wrong_one"):
        with pytest.raises(
            SettingError, match=rf"src/programs/{name}/__init__.py defines no PROGRAM; legal: PROGRAM = "
        ):
            program.load(name)
    assert program.names() == ["empty_one", "wrong_one"]


def test_a_bug_in_a_program_keeps_its_traceback(elsewhere: Path) -> None:
    write(elsewhere, "broken_one", "import harness.no_such_module\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        program.load("broken_one")
    write(elsewhere, "other_one", "1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        program.load("other_one")
    assert not any(isinstance(finder, admission._Finder) for finder in sys.meta_path)


@pytest.mark.parametrize("library", ["optuna_dashboard_that_nobody_has", "heavy_one"])
@pytest.mark.parametrize("way", ["import {library}.part as part", "from programs.mine.model import weights"])
def test_a_library_in_a_programs_init_is_refused_before_it_loads(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, library: str, way: str
) -> None:
    installed = tmp_path_factory.mktemp("site")
    (installed / "heavy_one").mkdir()
    (installed / "heavy_one" / "__init__.py").write_text("raise AssertionError('it was loaded')\n")
    monkeypatch.syspath_prepend(installed)
    write(elsewhere, "mine", way.format(library=library) + "\n")
    (elsewhere / "mine" / "model.py").write_text(f"from {library} import weights\n")
    for name in [name for name in sys.modules if name.startswith("programs.mine")]:
        del sys.modules[name]
    with pytest.raises(SettingError) as caught:
        program.load("mine")
    assert str(caught.value).startswith(f"src/programs/mine/__init__.py imports {library}, which may take seconds")
    assert f"legal: import {library} in the function" in str(caught.value)


WHOLE = """
from dataclasses import dataclass
from typing import Annotated
from harness.contract.command import Command
from harness.contract.metrics import Metric
from harness.contract.program import Program
from harness.contract.rules import in_range
from harness.contract.source import Source

@dataclass(frozen=True)
class Settings:
    rate: Annotated[float, in_range(0)]
    seed: Annotated[int, in_range(0)]

PROGRAM = Program(Settings, (Metric("loss", "lower"),), Command(("true",)), Source, model="model.bin")
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "rate: Annotated[float, in_range(0)]",
            "rate: float",
            "the setting rate has no rule; legal: rate: Annotated[float, ",
        ),
        ("in_range(0)]\n    seed", "'any']\n    seed", "the setting rate has no rule"),
        ("    seed: Annotated[int, in_range(0)]\n", "", "there is no setting seed; legal: seed: Annotated[int, "),
        ("@dataclass(frozen=True)\n", "", "settings is no frozen dataclass"),
        ('(Metric("loss", "lower"),)', "()", "PROGRAM.metrics: expected 1 to 100 of them"),
        ('"loss"', '"the loss"', "PROGRAM.metrics[0].name: expected letters, numbers and _"),
        ('"lower"', '"low"', "PROGRAM.metrics[0].better: expected higher | lower"),
        ("model.bin", "../model.bin", "PROGRAM.model: expected a name without /"),
    ],
)
def test_what_is_missing_in_a_program_is_one_line(elsewhere: Path, old: str, new: str, said: str) -> None:
    name = f"mine_{abs(hash((old, new)))}"
    assert old in WHOLE
    write(elsewhere, name, WHOLE.replace(old, new))
    with pytest.raises(SettingError) as caught:
        program.load(name)
    assert str(caught.value).startswith(f"src/programs/{name}/__init__.py: {said}")


def test_what_is_whole_is_loaded(elsewhere: Path) -> None:
    write(elsewhere, "whole", WHOLE)
    assert program.load("whole").model == "model.bin"


def test_importing_any_program_imports_nothing_heavy(tmp_path: Path) -> None:
    source = tiny.copy_source(tmp_path / "project") / "src"
    command = (
        "import sys\n"
        "from harness.contract import program\n"
        "for name in program.names():\n"
        "    loaded = program.load(name)\n"
        "    loaded.source()\n"
        f"    found = {{module.split('.')[0] for module in sys.modules}} & {set(HEAVY)!r}\n"
        "    assert not found, (name, found)\n"
        "    print(name)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted([*program.names(), "tiny"])


def test_a_program_describes_itself_by_its_name_where_it_says_no_more() -> None:
    described = tiny.PROGRAM.describe("tiny", tiny.settings(batch=7))
    assert described.about == "logistic regression, batches of 7"
    assert (described.objective.name, described.examples, described.model) == ("error", "points", "model.npy")
    silent = program.Program(
        tiny.Settings, tiny.PROGRAM.metrics, tiny.PROGRAM.train, tiny.PROGRAM.score, tiny.PROGRAM.source
    )
    assert silent.describe("mine", tiny.SETTINGS).about == "mine"
    assert (silent.examples, silent.model, silent.pace) == ("examples", "model.bin", ())
    assert silent.check(tiny.SETTINGS, 2) == () and list(silent.plots(ROOT, ROOT)) == []


def test_a_number_of_workers_that_a_program_cannot_train_with_is_refused() -> None:
    asked: list[int] = []

    def check(settings: object, count: int) -> None:
        asked.append(count)

    steps = dataclasses.replace(tiny.PROGRAM, check=check)
    steps.check_workers(tiny.SETTINGS, 2)
    for train in (Command(("python", "train.py")), Command(("python", "train.py"), workers=True)):
        command = dataclasses.replace(steps, train=train)
        command.check_workers(tiny.SETTINGS, 1)
        if train.workers:
            command.check_workers(tiny.SETTINGS, 2)
        else:
            with pytest.raises(SettingError, match=r"a command for one worker; legal: mode\.instance_count=1"):
                command.check_workers(tiny.SETTINGS, 2)
    assert asked == [2, 1, 1, 2]


def test_without_a_framework_one_worker_trains() -> None:
    assert isinstance(program.Runtime().join(Workers(("a",), "a")), Group)
    with pytest.raises(SettingError, match=r"trains in one worker; legal: mode\.instance_count=1"):
        program.Runtime().join(Workers(("a", "b"), "a"))
