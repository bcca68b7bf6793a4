"""What the report says of a run: times, groups, versions, and never a secret."""

import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks.generated_runs import DATASET, one
from harness.contract import record, serial
from harness.report import table as tables
from harness.report.rows import Row, group, row_of, row_of_folder
from harness.runs import stored
from harness.runs.run_folder import RunFolder


def row(run: RunFolder, **changes: object) -> Row:
    """A run's row, its record changed."""
    content = json.loads(run.record.read_text()) | changes
    run.record.write_text(json.dumps(content))
    return row_of(stored.read(run))


def test_minutes_are_of_the_training_alone(tmp_path: Path) -> None:
    run = one(tmp_path, 0, {"test_accuracy": 0.5})
    assert row(run, seconds={"import": 600.0, "train": 90.0, "evaluate": 60.0}).cells["minutes"] == 1.5
    run.metrics.write_text("epoch,seconds\n1,30\n2,60\n")
    assert row(run, seconds={}).cells["minutes"] == 1.5


def test_a_bill_is_shown(tmp_path: Path) -> None:
    bill = record.Bill("job", "us-east-1", "Completed", 1, 100, 40, 0.6, 1.25)
    assert row(one(tmp_path, 0), bill=serial.to_json(bill)).cells["usd"] == 1.25
    assert row(one(tmp_path, 1)).cells["usd"] is None


def test_no_secret_reaches_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "planted+token/value")
    failed = row(one(tmp_path, 0), status="failed", reason="no access with planted+token/value")
    assert failed.cells["reason"] == "no access with [secret]"
    torn = one(tmp_path / "planted+token", 1)
    (torn.path / "plan.json").write_text('{"experiment": "planted+token/value"')
    unreadable = row_of_folder(torn.path)
    assert isinstance(unreadable, str)
    built = tables.build([failed], ["x/planted+token/value cannot be read", unreadable])
    assert built["unreadable"][0] == "x/[secret] cannot be read" and "planted+token/value" not in json.dumps(built)


def test_runs_that_differ_in_their_seed_alone_are_one_group(tmp_path: Path) -> None:
    plans = [stored.read(one(tmp_path, number, seed=number)).plan.experiment for number in range(2)]
    assert group(plans[0]) == group(plans[1])
    assert group(dataclasses.replace(plans[0], code="e" * 64)) != group(plans[0])
    assert group(dataclasses.replace(plans[0], config={**plans[0].config, "momentum": 0.1})) != group(plans[0])


def test_versions_of_the_data_are_in_the_order_of_their_first_use_whatever_their_runs_are_called(
    tmp_path: Path,
) -> None:
    versions = [dataclasses.replace(DATASET, hash=f"{number}" * 32 + ".dir") for number in range(3)]
    rows = [row_of(stored.read(one(tmp_path, number, dataset=versions[number]))) for number in range(3)]
    asked: list[tuple[str, str, str]] = []

    def differences(program: str, older: str, newer: str) -> list[str]:
        asked.append((program, older[0], newer[0]))
        return [f"{older[0]} -> {newer[0]}"]

    built = tables.build([rows[2], rows[0], rows[1]], [], differences)
    assert [each["hash"][0] for each in built["versions"]] == ["0", "1", "2"]
    assert [each["lines"] for each in built["versions"]] == [[], ["0 -> 1"], ["1 -> 2"]]
    assert asked == [("classifier", "0", "1"), ("classifier", "1", "2")]


def test_only_an_identical_replay_marks_its_original(tmp_path: Path) -> None:
    original, same, other = (one(tmp_path, number) for number in range(3))
    for run, word in ((same, "identical"), (other, "different")):
        run.verdict.write_text(json.dumps({"original": (original if run is same else same).path.name, "verdict": word}))
    rows = [row_of(stored.read(run)) for run in (original, same, other)]
    columns = {each["name"]: each["values"] for each in tables.build(rows, [])["columns"]}
    assert columns["replayed"] == [True, False, False]
