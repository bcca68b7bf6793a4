"""Which run of a sweep is the best, and what is told and kept of all."""

import json
from pathlib import Path

import pytest

from harness.contract.metrics import Metric
from harness.sweep import grid, summary
from harness.sweep.group import Common, Group, Row
from tests.support.plans import EXPERIMENT

ACCURACY, ERROR = Metric("accuracy", "higher", share=True), Metric("error", "lower")


def row(name: str, value: float | None, status: str = "completed", metric: Metric = ACCURACY, **more: str) -> Row:
    curve = () if value is None else ((1, 99.0), (2, value))
    return Row((f"seed={name}",), name, status, curve, more.get("reason"), metric)


@pytest.mark.parametrize(
    ("rows", "order", "best"),
    [
        ([row("a", 0.5), row("b", 0.7), row("c", 0.6)], "bca", "b"),
        ([row("a", 0.5, metric=ERROR), row("b", 0.7, metric=ERROR)], "ab", "a"),
        ([row("a", 0.9, "pruned"), row("b", 0.5), row("c", 0.95, "failed")], "bca", "b"),
        ([row("a", None), row("b", float("nan")), row("c", 0.1)], "cab", "c"),
        ([row("a", 0.5), row("b", 0.5)], "ab", "a"),
        ([row("a", 0.9, "pruned")], "a", None),
        ([row("a", None)], "a", None),
    ],
)
def test_the_best_is_the_completed_run_with_the_best_last_value(rows: list[Row], order: str, best: str | None) -> None:
    assert "".join(str(each.run) for each in summary.ordered(rows)) == order
    chosen = summary.best(rows)
    assert (chosen and chosen.run) == best


def test_the_summary_says_what_is_the_best_and_how_to_train_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "planted+token/value")
    shared = Common("mine", ACCURACY, EXPERIMENT.dataset, "c" * 64, "d" * 64)
    group = Group("mine", tmp_path, shared, 3)
    group.folder.mkdir()
    secret = Row(("comet.project=planted+token/value",), "a", "completed", ((1, 0.8),), None, ACCURACY)
    rows = [secret, row("b", 0.6), row("c", 0.9, "pruned", reason="pruned after epoch 2")]
    summary.write(group, rows)
    kept = json.loads((tmp_path / "sweeps" / "mine.json").read_text())
    assert (kept["best"], kept["again"]) == ("a", "python src/train.py comet.project=[secret]")
    assert kept["objective"] == {"name": "validation_accuracy", "better": "higher"}
    assert [(each["run"], each["status"], each["value"], each["epochs"]) for each in kept["runs"]] == [
        ("a", "completed", 0.8, 1),
        ("b", "completed", 0.6, 2),
        ("c", "pruned", 0.9, 2),
    ]
    summary.show(group, rows)
    printed = capsys.readouterr().out
    assert "sweep     mine: 2 completed, 1 pruned; by validation_accuracy after the last epoch\n" in printed
    assert "again     python src/train.py comet.project=[secret]\n" in printed and "continue" not in printed
    assert "planted" not in printed.partition("again")[2]


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("pruned", 0), ("failed", 1), ("running", 3), ("not run", 1)]
)
def test_a_row_has_the_exit_code_of_its_run(status: str, code: int) -> None:
    assert grid.code(row("a", 0.5, status)) == code
