"""What docs/example holds is one run and its verdict, and it can still be replayed, compared and reported."""

import json
import zipfile
from pathlib import Path

import pytest

from harness.settings.project import ROOT
from tests.support.projects import make_project, record_of, runs, type_in

EXAMPLE = ROOT / "docs" / "example"


def archived(name: str) -> dict[str, object]:
    with zipfile.ZipFile(EXAMPLE / "run.zip") as archive:
        content: dict[str, object] = json.loads(archive.read(name))
    return content


def test_it_is_small_and_of_one_run() -> None:
    assert sum(path.stat().st_size for path in EXAMPLE.iterdir()) < 300_000
    record, verdict = archived("record.json"), json.loads((EXAMPLE / "verdict.json").read_text())
    seen = (EXAMPLE / "terminal.txt").read_text()
    assert verdict["verdict"] == "identical" and verdict["original"] == record["run_id"]
    assert f"weights: {record['weights']}, equal to the last bit" in verdict["reasons"]
    assert f"verdict   IDENTICAL to {record['run_id']}" in seen and str(verdict["replay"]) in seen


@pytest.mark.long
@pytest.mark.slow
def test_it_replays_and_is_compared_and_reported(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    archive = "docs/example/run.zip"
    replayed = type_in(project, archive, "trust=true", verb="replay")
    # Where this fails after a change of the training lock or of a contract: make example.
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "verdict   IDENTICAL" in replayed.stdout or "verdict   EQUIVALENT" in replayed.stdout
    (run,) = runs(project)
    assert record_of(run).provenance.replays == archived("record.json")["run_id"]
    compared = type_in(project, archive, "last", verb="compare")
    assert compared.returncode == 0 and "equal fields" in compared.stdout
    reported = type_in(project, archive, "last", "output=runs/example.html", verb="report")
    assert reported.returncode == 0 and "2 runs" in reported.stdout
