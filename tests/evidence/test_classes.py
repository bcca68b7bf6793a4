"""Which class a test example has is taken from predictions.csv, where the record bears that out."""

import dataclasses
from pathlib import Path

import pytest

from harness.contract import serial
from harness.evidence import classes
from harness.runs import run_folder, stored
from harness.runs.stored import StoredRun
from tests.support.plans import DESCRIPTION
from tests.support.records import RESULTS, completed, plan_of, stage

PAIRS = [(0, 0), (1, 0), (1, 1), (0, 0), (1, 1)]  # (true, predicted)


def leave(runs: Path, table: str, confusion: tuple[tuple[int, ...], ...] = ((2, 0), (1, 2))) -> StoredRun:
    planned = plan_of(DESCRIPTION)
    record = completed(planned, 0.5)
    results = dataclasses.replace(
        RESULTS, metrics={**RESULTS.metrics, "test_accuracy": 0.8}, examples=5, confusion=confusion
    )
    run = stage(runs, planned, dataclasses.replace(record, results=results))
    run.predictions.write_text(table)
    return stored.read(run_folder.RunFolder(run.path))


def table(pairs: list[tuple[int, int]]) -> str:
    return "image,label,predicted\n" + "".join(f"{at},{true},{found}\n" for at, (true, found) in enumerate(pairs))


def test_each_example_has_its_class(tmp_path: Path) -> None:
    found = classes.of_test_set(leave(tmp_path, table(PAIRS)))
    assert found is not None
    assert (found.names, found.of) == (("cat", "dog"), (0, 1, 1, 0, 1))
    assert found.members(1) == [1, 2, 4]


@pytest.mark.parametrize(
    "content",
    [
        table([(0, 0), (1, 1), (1, 1), (0, 0), (1, 1)]),  # another confusion
        table(PAIRS[:-1]),
        table([*PAIRS[:-1], (1, 2)]),
        "image,class,predicted\n0,0,0\n",
        "image,label,predicted\n0,cat,dog\n",
        "",
        "\0",
    ],
)
def test_predictions_that_the_record_does_not_bear_out_say_nothing(tmp_path: Path, content: str) -> None:
    assert classes.of_test_set(leave(tmp_path, content)) is None


def test_what_is_no_classifier_has_no_classes(tmp_path: Path) -> None:
    assert classes.of_test_set(leave(tmp_path, table(PAIRS), confusion=())) is None


def test_a_record_without_predictions_has_none(tmp_path: Path) -> None:
    run = leave(tmp_path, table(PAIRS))
    run.folder.predictions.unlink()
    assert classes.of_test_set(run) is None
    assert serial.dumps(run.plan)
