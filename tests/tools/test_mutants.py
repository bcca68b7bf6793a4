"""The list of faults fits the code, and the program that tries them tells which ones the tests notice."""

import ast
import functools
import subprocess
from pathlib import Path

import pytest

from tools import mutants
from tools.mutants import KILLED, SURVIVED, UNJUDGED, Mutant

MUTANTS = mutants.read()
CODE = "def double(x):\n    return 2 * x\n\n\ndef half(x):\n    return x / 2\n"
TEST = "from src.numbers import double\n\ndef test_two():\n    assert double(1) == 2\n\ndef test_odd():\n    assert 0\n"


def test_each_applies_exactly_once_and_is_judged_by_tests_that_are_there() -> None:
    read = functools.cache(lambda name: (mutants.ROOT / name).read_text(encoding="utf-8"))
    for mutant in MUTANTS:
        changed = mutant.apply(read(mutant.file))
        assert changed != read(mutant.file) and mutant.tests, mutant.id
        if mutant.file.endswith(".py"):
            ast.parse(changed, mutant.id)
        for test in mutant.tests:
            path, _, name = test.partition("::")
            assert not name or f"\ndef {name.partition('[')[0]}(" in read(path), test


def test_there_are_many_of_every_package_and_each_has_a_name_of_its_own() -> None:
    assert len({mutant.id for mutant in MUTANTS}) == len(MUTANTS) >= 150
    packages = {path.parent.name for path in (mutants.ROOT / "src" / "harness").glob("*/__init__.py")}
    assert packages - {part for mutant in MUTANTS for part in Path(mutant.file).parts[2:3]} <= {"frameworks"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one module, with two tests of which one fails."""
    root = tmp_path / "project"
    for name, text in {"src/numbers.py": CODE, "tests/test_numbers.py": TEST, ".gitignore": "__pycache__\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    monkeypatch.setattr(mutants, "ROOT", root)
    return root


def mutant(name: str, old: str, new: str, test: str = "test_two") -> Mutant:
    return Mutant(name, "src/numbers.py", old, new, (f"tests/test_numbers.py::{test}",))


@pytest.mark.slow  # three times pytest
def test_what_the_tests_notice_is_killed_and_what_they_do_not_survives(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = [
        mutant("tripled", "2 * x", "3 * x"),
        mutant("quarter", "x / 2", "x / 4"),
        mutant("worthless", "2 * x", "4 * x", "test_odd"),
    ]
    outcomes = mutants.judge_all(some, 1, check=True)
    assert [each.word for each in outcomes] == [KILLED, SURVIVED, UNJUDGED]
    assert outcomes[0].by == "tests/test_numbers.py::test_two"
    assert "tests/test_numbers.py::test_odd fails without any mutant" in capsys.readouterr().out
    assert (project / "src" / "numbers.py").read_text() == CODE
    mutants.show(outcomes)
    assert "quarter survived" in (shown := capsys.readouterr().out) and "a test is missing" in shown
    numbers = mutants.summary(outcomes, 1.0)
    assert (numbers["mutants"], numbers["killed"], numbers["score"]) == (3, 1, 33.3)
    assert (numbers["survived"], numbers["not_judged"]) == (["quarter"], ["worthless"])


def test_one_that_runs_for_ever_is_ended_and_counts_as_killed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "SECONDS", 1.0)
    endless = mutant("endless", "    return 2 * x", "    while True:\n        pass")
    (outcome,) = mutants.judge_all([endless], 1, check=False)
    assert outcome.word == mutants.LATE and mutants.summary([outcome], 1.0)["killed"] == 1


def test_some_are_chosen_by_their_name_or_by_a_path() -> None:
    some = [mutant("one", "a", "b"), mutant("other", "a", "b", "test_odd")]
    assert [each.id for each in mutants.chosen(some, [])] == ["one", "other"]
    assert [each.id for each in mutants.chosen(some, ["other"])] == ["other"]
    assert [each.id for each in mutants.chosen(some, ["src/numbers.py"])] == ["one", "other"]
    assert mutants.chosen(some, ["ot"]) == []


def test_a_fault_that_does_not_fit_the_code_is_an_error() -> None:
    with pytest.raises(ValueError, match="one: what it replaces stands 2 times in"):
        mutant("one", "return", "yield").apply(CODE)
