"""What a notebook gets of runs is what their files say, and a replay from there is the verb's."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.settings.project import ROOT
from tests.support.projects import TINY, make_project, runs, type_in

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")

BEGIN = "import json, sys; sys.path.insert(0, 'src'); import harness; from harness.contract.errors import NotReady\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ in their seed."""
    project = make_project(tmp_path_factory.mktemp("notebook") / "project")
    for seed in (0, 1):
        assert type_in(project, *TINY, "mode.runner=process", "epochs=2", f"seed={seed}").returncode == 0
    return project


def cell(project: Path, code: str) -> Any:
    """What `answer` is after the code of a cell."""
    ending = "\nprint(); print(json.dumps(answer))"
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code + ending], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def test_importing_the_harness_imports_nothing_but_it() -> None:
    code = "import sys; before = set(sys.modules); import harness; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd="src", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['harness']"


def test_a_table_has_what_plan_and_record_say_and_a_curve_what_the_table_of_epochs_says(project: Path) -> None:
    code = """
loaded = harness.load("runs")
frame = loaded.frame()
answer = [list(frame.index), list(frame.seed), list(frame.test_error), loaded[-1].curve(), loaded.differing()]
"""
    ids, seeds, errors, curve, differing = cell(project, code)
    folders = runs(project)
    records = [json.loads((folder / "record.json").read_text()) for folder in folders]
    assert ids == [folder.name for folder in folders]
    assert seeds == [0, 1] and differing == ["seed"]
    assert errors == [record["results"]["metrics"]["test_error"] for record in records]
    with (folders[-1] / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and "weights" not in curve
    assert curve == {name: [float(row[name]) for row in rows] for name in rows[0] if name != "weights"}


def test_a_table_that_is_shown_obeys_no_name_of_a_run_or_metric(project: Path) -> None:
    code = """
loaded = harness.load("runs")
loaded[0].row["test_error"] = "<script>alert(1)</script>"
answer = loaded._repr_html_()
"""
    shown = cell(project, code)
    assert "<script" not in shown and "&lt;script&gt;" in shown and "<th>seed</th>" in shown


@pytest.mark.long
def test_a_replay_gives_the_verdict_and_says_what_was_changed(project: Path) -> None:
    code = """
run = harness.load("runs")[0]
same, other = run.replay(), run.replay("seed=5")
answer = [same.verdict, list(same.changed), same.original, other.verdict, list(other.changed)]
"""
    first = runs(project)[0].name
    before = len(runs(project))
    assert cell(project, code) == ["identical", [], first, "different", ["seed"]]
    assert len(runs(project)) == before + 2
    code = "answer = [run.verdict.verdict for run in harness.load('runs') if run.verdict]"
    assert cell(project, code) == ["identical", "different"]


def test_a_replay_that_cannot_be_is_one_error_with_the_verbs_words(project: Path) -> None:
    code = """
try:
    harness.load("runs")[0].replay("no_such_setting=1")
except NotReady as error:
    answer = str(error)
"""
    assert "no_such_setting" in cell(project, code)


def test_an_archive_is_loaded_and_a_damaged_run_hides_no_other(project: Path) -> None:
    assert type_in(project, runs(project)[0].name, "output=one.zip", verb="export").returncode == 0
    damaged = project / "runs" / "20260101T000000Z-00000000"
    damaged.mkdir()
    (damaged / "plan.json").write_text("{")
    code = """
archived, everything = harness.load("one.zip"), harness.load("runs")
answer = [archived[0].id, archived[0].curve() == everything[archived[0].id].curve(), everything.unreadable]
"""
    name, same, (line,) = cell(project, code)
    assert name == runs(project)[1].name and same and damaged.name in line


def test_what_the_document_shows_does_what_it_says(project: Path) -> None:
    (code,) = re.findall(r"(?s)```python\n(import sys.*?)```", (ROOT / "docs" / "report.md").read_text())
    answer = "answer = [best.status, verdict.verdict, len(curve['epoch'])]"
    assert cell(project, f"{code}\n{answer}") == ["completed", "identical", 2]
