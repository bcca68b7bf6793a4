"""The plots of a run: of whatever metrics its program describes, and those that the program draws."""

import dataclasses
import re

import pytest
from matplotlib.figure import Figure

from harness.contract import program
from harness.contract.errors import DataError, SettingError
from harness.contract.program import Program
from harness.contract.source import Source
from harness.finish import plots
from tests.support.plans import DESCRIPTION
from tests.support.records import BIGRAMS, FOREST, LOSS, completed, plan_of, stage

THREE = dataclasses.replace(DESCRIPTION, metrics=(*DESCRIPTION.metrics, FOREST.objective))


def drawn(runs, description, text, **changes):
    """A run that left these epochs, and its record."""
    planned = plan_of(description)
    run = stage(runs, planned, None)
    run.metrics.write_text(text)
    return run, dataclasses.replace(completed(planned, 0.5), **changes)


def epochs(description):
    names = [f"{part}_{metric.name}" for metric in description.metrics for part in ("train", "validation")]
    rows = [[number, *(number / 10 + at for at in range(len(names))), "00ff"] for number in (1, 2, 3)]
    return "\n".join(",".join(map(str, row)) for row in [["epoch", *names, "weights"], *rows]) + "\n"


@pytest.fixture(autouse=True)
def own_plots(monkeypatch):
    """The program, which draws as the test says."""
    owner = Program(object, (), None, Source)  # type: ignore[arg-type]
    monkeypatch.setattr(program, "load", lambda name: owner)
    return lambda draw: monkeypatch.setattr(program, "load", lambda name: dataclasses.replace(owner, plots=draw))


@pytest.mark.parametrize(
    ("description", "labels"),
    [
        (DESCRIPTION, ["accuracy", "loss (nats)"]),
        (FOREST, ["error (%)"]),
        (BIGRAMS, ["perplexity"]),
        (THREE, ["accuracy", "loss (nats)", "error (%)"]),
    ],
)
def test_the_learning_curve_has_both_lines_of_each_metric_with_its_unit(tmp_path, description, labels):
    run, record = drawn(tmp_path, description, epochs(description))
    plots.draw(run, record, tmp_path)
    svg = run.curve.with_suffix(".svg").read_text()
    assert svg.count("<!-- train -->") == svg.count("<!-- validation -->") == len(labels)  # the legends
    assert [label for label in re.findall(r"<!-- (.*?) -->", svg) if label in labels] == labels
    assert svg.count("<!-- epoch -->") == len(labels)


def test_equal_runs_have_equal_plots(tmp_path):
    run, record = drawn(tmp_path, DESCRIPTION, epochs(DESCRIPTION))
    plots.draw(run, record, tmp_path)
    first = [path.read_bytes() for path in sorted(run.path.glob("learning_curve.*"))]
    plots.draw(run, record, tmp_path)
    assert len(first) == 2 and [path.read_bytes() for path in sorted(run.path.glob("learning_curve.*"))] == first


def test_a_metric_that_no_epoch_has_is_left_out(tmp_path):
    text = "epoch,validation_loss\n1,2.5\n2,2.0\n"
    run, record = drawn(tmp_path, DESCRIPTION, text)
    plots.draw(run, record, tmp_path)
    svg = run.curve.with_suffix(".svg").read_text()
    assert svg.count("<!-- epoch -->") == 1 and "<!-- train -->" not in svg and LOSS.name in svg


def test_a_run_that_left_no_epoch_gets_no_plot(tmp_path):
    run, record = drawn(tmp_path, DESCRIPTION, "", results=None, status="failed")
    plots.draw(run, record, tmp_path)
    run.metrics.write_text("epoch,train_loss\n1,torn")
    plots.draw(run, record, tmp_path)
    assert not list(run.path.glob("*.png")) + list(run.path.glob("*.svg"))


def test_the_programs_own_plots_are_drawn_of_a_run_with_results(tmp_path, own_plots):
    own_plots(lambda folder, data: [("worst.png", Figure()), (f"{data.name}.svg", Figure())])
    run, record = drawn(tmp_path, FOREST, epochs(FOREST))
    plots.draw(run, dataclasses.replace(record, results=None), tmp_path / "rows")
    assert not (run.path / "worst.png").exists()
    plots.draw(run, record, tmp_path / "rows")
    assert (run.path / "worst.png").exists() and (run.path / "rows.svg").exists()


def test_a_program_that_is_gone_or_cannot_draw_costs_its_plots_and_a_line(tmp_path, own_plots, monkeypatch, capsys):
    def fails(folder, data):
        yield "first.png", Figure()
        raise KeyError("label")

    own_plots(fails)
    run, record = drawn(tmp_path, FOREST, epochs(FOREST))
    plots.draw(run, record, tmp_path)
    assert (run.path / "first.png").exists()
    assert "plots     not all of them: mine raised KeyError: 'label'" in capsys.readouterr().out

    def changed(folder, data):
        raise DataError(f"{data} is altered")
        yield "never.png", Figure()

    own_plots(changed)  # the data changed while it trained
    plots.draw(run, record, tmp_path / "none")
    assert "plots     the learning curve alone: " in capsys.readouterr().out

    def gone(name):
        raise SettingError(f"program={name} does not exist")

    monkeypatch.setattr(program, "load", gone)
    plots.draw(run, record, tmp_path)
    assert capsys.readouterr().out == "plots     the learning curve alone: program=mine does not exist\n"
    assert run.curve.with_suffix(".png").exists()
