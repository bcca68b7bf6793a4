"""The folder of all runs means what Hydra says that it means, mostly without asking it."""

import sys

import pytest

from harness.contract.errors import HarnessError
from harness.settings import command_line, compose, runs
from harness.settings.project import ROOT
from tests.support.verbs import declared

PLAIN = ("", "runs_folder=a/b", "runs_folder=/tmp/x-1.2_y", "runs_folder=./1/2", "runs_folder=~/x")
OTHER = ("runs_folder='a b'", "runs_folder=2026", "runs_folder=null", "runs_folder=mine", "runs_folder=${sweep}/x")


@pytest.mark.parametrize("typed", [*PLAIN, *OTHER])
def test_the_folder_is_the_one_that_the_whole_configuration_has(typed: str) -> None:
    line = command_line.parse(declared("report"), [typed] if typed else [])

    def said(ask: object) -> object:
        try:
            return ask()  # type: ignore[operator]
        except HarnessError as error:
            return str(error)

    assert said(lambda: runs.folder(line)) == said(lambda: ROOT / compose.one(line).runs_folder)


@pytest.mark.parametrize("typed", PLAIN)
def test_a_plain_path_needs_no_hydra(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hydra", None)
    runs.folder(command_line.parse(declared("report"), [typed] if typed else []))
