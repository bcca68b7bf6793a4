"""The small programs that ship are small, and their data is what they say."""

from pathlib import Path

import pytest

from harness.contract import program
from harness.contract.identity import identify
from harness.settings.project import ROOT

PROGRAMS = ROOT / "src" / "programs"


def lines(*paths: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths)


def test_they_are_short() -> None:
    assert lines(*(PROGRAMS / "digits").glob("*.py")) <= 110
    assert lines(*(PROGRAMS / "reviews").glob("*.py")) <= 110
    assert lines(PROGRAMS / "script" / "train.py") <= 60


def test_the_script_knows_nothing_of_this_project() -> None:
    assert "harness" not in (PROGRAMS / "script" / "train.py").read_text()


@pytest.mark.parametrize("name", ["digits", "reviews", "script"])
def test_their_data_is_their_sample(tmp_path: Path, name: str) -> None:
    sample = program.load(name).source().sample
    assert sample is not None and sample.real
    assert sample.write(tmp_path).hash == sample.hash == identify(tmp_path, name).hash
