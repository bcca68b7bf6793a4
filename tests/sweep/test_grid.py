"""Grids: one run for each combination, none twice, ranked by the program's metric."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from harness.contract.errors import NotReady, SettingError
from harness.sweep import grid
from harness.sweep.group import Group
from tests.support.projects import record_of, runs, type_in
from tests.sweep.conftest import ERROR, Formula, summary
from tests.test_pipeline import dvc

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")


@pytest.mark.long
def test_an_interrupted_grid_resumes_and_repeats_nothing(tmp_path, sweep, capsys):
    words = ("learning_rate=0.1,0.2", "seed=0,1,2,3", "sweep=grid")
    first, second, third = Formula(tmp_path, left=3), Formula(tmp_path), Formula(tmp_path)
    assert 1 in sweep(first, *words)
    assert "continue  python src/train.py -m" in capsys.readouterr().out
    assert sweep(second, *words) == [0] * 8
    assert (len(first.made), len(second.made)) == (3, 5)
    assert sweep(third, *words) == [0] * 8 and not third.made
    content = summary(tmp_path, "grid")
    assert len({each["run"] for each in content["runs"]}) == 8 == content["total"]
    assert "learning_rate=0.1" in content["again"]
    assert content["objective"] == {"name": "validation_accuracy", "better": "higher"}


def test_a_sweep_that_another_program_runs_is_left_to_it_and_one_of_another_name_runs_beside_it(tmp_path, sweep):
    formula = Formula(tmp_path)
    with Group("a", tmp_path, formula.common, 2).alone():
        with pytest.raises(NotReady, match="another program runs the sweep a; legal: its end, or another sweep=NAME"):
            sweep(formula, "seed=0,1", "sweep=a")
        assert not formula.made and sweep(formula, "seed=0,1", "sweep=b") == [0, 0]
    assert sweep(formula, "seed=0,1", "sweep=a") == [0, 0] and len(formula.made) == 4


@pytest.mark.parametrize(
    ("make", "said"), [("sweeps", "cannot be written"), ("sweeps/a.lock/x", "where a lock belongs")]
)
def test_what_lies_where_a_sweep_keeps_its_own_files_is_one_line(tmp_path, make, said):
    (tmp_path / make).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / make).write_text("")
    with pytest.raises(NotReady, match=said), Group("a", tmp_path, Formula(tmp_path).common, 2).alone():
        pass


def test_another_value_of_a_setting_is_another_run_and_another_name_another_sweep(tmp_path, sweep):
    sweep(Formula(tmp_path), "seed=0,1", "sweep=a")
    more, other = Formula(tmp_path), Formula(tmp_path)
    sweep(more, "seed=0,1,2", "sweep=a")
    sweep(other, "seed=0,1", "sweep=b")
    assert (len(more.made), len(other.made)) == (1, 2)


def test_of_a_falling_metric_the_least_is_the_best_and_stands_first(tmp_path, sweep, capsys):
    assert sweep(Formula(tmp_path, objective=ERROR), "learning_rate=0.8,0.1,0.5", "sweep=s") == [0] * 3
    content, printed = summary(tmp_path, "s"), capsys.readouterr().out
    values = {each["run"]: each["value"] for each in content["runs"]}
    assert content["objective"] == {"name": "validation_error", "better": "lower"}
    assert values[content["best"]] == min(values.values()) and "learning_rate=0.1" in content["again"]
    assert "by validation_error after the last epoch; lower is better" in printed
    table = printed[printed.index("by validation_error") :]
    places = [table.index(f"learning_rate={rate}") for rate in ("0.1", "0.5", "0.8")]
    assert places == sorted(places)
    assert f"best      {min(values.values()):.4f}: learning_rate=0.1" in printed


def test_without_validation_a_grid_has_no_best_run_and_says_so(tmp_path, sweep, capsys):
    assert sweep(Formula(tmp_path, objective=ERROR, split="train"), "seed=0,1", "sweep=s") == [0, 0]
    content, printed = summary(tmp_path, "s"), capsys.readouterr().out
    assert (content["best"], content["again"], [each["value"] for each in content["runs"]]) == (None, None, [None] * 2)
    assert "the program reports no validation_error, so there is no best one" in printed and "best   " not in printed


def test_one_sweep_is_of_one_program(tmp_path, sweep, monkeypatch):
    formula, real = Formula(tmp_path), grid.run

    def of_two(jobs, begin):
        return real([jobs[0], replace(jobs[1], settings=replace(jobs[1].settings, program="tiny"))], begin)

    monkeypatch.setattr(grid, "run", of_two)
    with pytest.raises(SettingError, match="a sweep has one program"):
        sweep(formula, "seed=0,1")
    assert not formula.made


@pytest.mark.slow  # a project, twelve trainings, and dvc exp show
@pytest.mark.long
def test_a_sweep_of_eight_killed_after_three_runs_five_more_and_is_a_group_in_dvc(project):
    words = ("program=tiny", "mode=local", "mode.runner=process", "rate=0.1,0.2", "seed=0,1,2,3", "sweep=eight")
    command = [sys.executable, "src/train.py", "-m", "pause=0.05", *words]
    environment = {**os.environ, "COMET_API_KEY": ""}
    child = subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("run 4 of 8"):
            break
    time.sleep(0.3)  # the fourth has begun
    os.killpg(child.pid, signal.SIGKILL)
    child.stdout.close()
    child.wait()
    before = {run.name for run in runs(project) if (run / "record.json").exists()}
    assert len(before) == 3
    done = type_in(project, "-m", "pause=0.05", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("exists    run ") == 3
    after = [run for run in runs(project) if (run / "record.json").exists() and run.name not in before]
    assert len(after) == 5
    assert {record_of(run).provenance.sweep for run in after} == {"eight"}
    content = summary(project / "runs", "eight")
    assert content["objective"] == {"name": "validation_error", "better": "lower"}
    assert {each["run"]: each["value"] for each in content["runs"]}[content["best"]] == min(
        each["value"] for each in content["runs"]
    )
    rows = list(csv.DictReader(io.StringIO(dvc(project, "exp", "show", "--csv"))))
    own = [row for row in rows if row["Experiment"].startswith("eight-")]
    assert len(own) == 8
    assert all(row["sweep"] == "eight" and 0 <= float(row["validation_error"]) < 100 for row in own)
    # the settings, in the files of the program
    shown = [
        subprocess.run(
            ["git", "show", f"{reference}:conf/program/tiny.yaml"],
            cwd=project,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for reference in subprocess.run(
            ["git", "for-each-ref", "--format=%(refname)", "refs/exps"],
            cwd=project,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
    ]
    assert sorted({line for text in shown for line in text.splitlines() if line.startswith("rate:")}) == [
        "rate: 0.1",
        "rate: 0.2",
    ]
    assert subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, check=True).stdout == b""
