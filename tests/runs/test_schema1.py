"""Plans and records of schema 1 are read and written back: of two files of version c41321c, which lie here."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from harness.contract import plan, serial
from harness.contract.errors import NotReady
from harness.contract.serial import to_json
from harness.runs import run_folder, schema1, stored
from harness.runs.run_folder import RunFolder
from tests.support.plans import DESCRIPTION, PLAN
from tests.support.records import CODE

HERE = Path(__file__).parent


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder of schema 1: plan and record as version c41321c wrote them."""
    folder = RunFolder(tmp_path / "20261127T063305Z-dbee8c59")
    folder.path.mkdir()
    folder.plan.write_bytes((HERE / "schema1_plan.json").read_bytes())
    folder.record.write_bytes((HERE / "schema1_record.json").read_bytes())
    return folder


def test_a_run_of_schema_1_describes_itself(run: RunFolder) -> None:
    read = stored.read(run)
    assert read.plan.description == DESCRIPTION  # what the program says of itself today
    assert read.record is not None and read.record.results is not None
    assert (read.record.experiment, read.record.description) == (read.plan.experiment, read.plan.description)
    raw = json.loads(run.record.read_text())["results"]
    for split in ("train", "validation", "test"):
        for metric in ("accuracy", "loss"):
            assert read.record.results.metrics[f"{split}_{metric}"] == raw[f"{split}_{metric}"]
    assert read.record.value("test") == raw["test_accuracy"]
    assert (read.record.results.examples, len(read.record.results.classes)) == (raw["test_images"], 10)
    assert read.record.environment is not None
    assert read.record.environment["framework"] == "tensorflow 2.21.0" and "tensorflow" not in read.record.environment


def test_the_id_of_its_experiment_still_holds(run: RunFolder) -> None:
    read = run.planned()
    assert plan.experiment_id(read.experiment, read.schema) == read.experiment_id
    assert plan.experiment_id(read.experiment) != read.experiment_id


def test_a_plan_is_written_back_as_the_worker_of_its_time_reads_it(run: RunFolder, tmp_path: Path) -> None:
    raw = json.loads(run.plan.read_text())
    assert schema1.downgrade_plan(run.planned()) == raw
    staged = run_folder.stage(tmp_path / "again", run.planned(), CODE, b"")
    for path in (staged.plan, staged.code / "plan.json"):
        assert path.read_bytes() == run.plan.read_bytes()
    assert staged.planned() == run.planned()


@pytest.mark.parametrize(("dirty", "written"), [(True, True), (False, False), (None, True)])
def test_a_state_that_is_unknown_is_written_back_as_a_changed_one(
    run: RunFolder, dirty: bool | None, written: bool
) -> None:
    planned = run.planned()
    assert planned.provenance.git is not None
    git = dataclasses.replace(planned.provenance.git, dirty=dirty)
    provenance = dataclasses.replace(planned.provenance, git=git)
    raw = schema1.downgrade_plan(dataclasses.replace(planned, provenance=provenance))
    assert raw["provenance"]["git"]["dirty"] is written


def test_a_record_is_written_in_todays_schema(run: RunFolder) -> None:
    first = run_folder.read_record(run.record)
    run.record.write_text(serial.dumps(first))
    assert run_folder.read_record(run.record) == first and first.schema == plan.SCHEMA


def test_what_is_of_todays_schema_stays_as_it_is() -> None:
    raw = to_json(PLAN)
    assert schema1.upgrade_plan(raw) is raw and run_folder.plan_text(PLAN) == serial.dumps(PLAN)


def test_a_failed_run_without_environment_and_results_is_read(run: RunFolder) -> None:
    raw = json.loads(run.record.read_text())
    run.record.write_text(json.dumps({**raw, "status": "failed", "environment": None, "results": None}))
    record = run_folder.read_record(run.record)
    assert (record.status, record.environment, record.results) == ("failed", None, None)


@pytest.mark.parametrize("path", [("experiment",), ("experiment", "config", "resnet_size"), ("results", "test_loss")])
def test_a_file_of_schema_1_that_lacks_something_is_refused_by_name(run: RunFolder, path: tuple[str, ...]) -> None:
    raw = json.loads(run.record.read_text())
    broken = copy.deepcopy(raw)
    inner = broken
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    run.record.write_text(json.dumps(broken))
    with pytest.raises(NotReady, match=path[-1]):
        stored.read(run)


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"schema": 1}', '{"schema": 1, "experiment": []}'])
def test_a_torn_file_is_refused(run: RunFolder, torn: str) -> None:
    for path in (run.plan, run.record):
        path.write_text(torn)
        with pytest.raises(NotReady):
            stored.read(run)


def test_a_verdict_of_schema_1_is_read_as_one_of_today() -> None:
    old = {"schema": 1, "original": "a", "verdict": "different", "accuracy_change": -0.25}
    new = schema1.upgrade_verdict(old)
    assert (new["schema"], new["metric"], new["change"]) == (2, "accuracy", -0.25)
    assert "accuracy_change" not in new and schema1.upgrade_verdict(new) is new
