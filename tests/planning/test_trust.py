"""Whose code a replay would run, and the answer that it takes."""

import sys
from pathlib import Path

import pytest

from harness.contract.errors import NotReady
from harness.planning import trust
from harness.runs import stored
from tests.support.records import CODE, FOREST, completed, plan_of, stage

FOREIGN = trust.Foreign("an archive from elsewhere", "this working tree", ("harness/a.py +1 -0",))


def test_code_is_ones_own_where_the_run_lies_among_ones_own_and_else_a_strangers(tmp_path: Path) -> None:
    planned = plan_of(FOREST)
    run = stored.read(stage(tmp_path / "runs", planned, completed(planned, 1.0)))
    lines: list[str] = []
    assert trust.foreign(tmp_path, tmp_path / "runs", run, CODE, lines.append) is None
    (tmp_path / "elsewhere").symlink_to(tmp_path / "runs")
    assert trust.foreign(tmp_path, tmp_path / "elsewhere", run, CODE, lines.append) is None
    found = trust.foreign(tmp_path, tmp_path / "others", run, CODE, lines.append)
    assert found is not None and "no commit's of this repository" in found.words
    assert (found.nearest, found.lines) == ("nothing of this repository", ("harness/__init__.py +0 -0",)) and not lines


class Terminal:
    """A stdin with somebody, or nobody, at it."""

    def __init__(self, there: bool) -> None:
        self.there = there

    def isatty(self) -> bool:
        return self.there


@pytest.mark.parametrize(
    ("there", "typed", "trusted", "dry", "runs"),
    [
        (True, "y", False, False, True),
        (True, "YES ", False, False, True),
        (True, "", False, False, False),
        (True, "n", False, False, False),
        (True, "yep", False, False, False),
        (False, "y", False, False, False),
        (False, None, True, False, True),
        (False, None, False, True, True),
    ],
)
def test_a_strangers_code_runs_only_when_that_is_said(
    monkeypatch: pytest.MonkeyPatch, there: bool, typed: str | None, trusted: bool, dry: bool, runs: bool
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(sys, "stdin", Terminal(there))
    monkeypatch.setattr("builtins.input", lambda question: typed)
    if runs:
        trust.agree("run.zip", FOREIGN, trusted, dry, lines.append)
    else:
        with pytest.raises(NotReady, match=r"run\.zip brings code of its own.* trust=true, or isolated=true"):
            trust.agree("run.zip", FOREIGN, trusted, dry, lines.append)
    assert lines[0] == "foreign   this runs code of an archive from elsewhere" and lines[2].endswith("a.py +1 -0")
