"""The numbers of a script's lines: rows said once, the last value counts, none that is no number."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.contract import metrics
from harness.contract.errors import RunFailed
from harness.worker.reported import Reported
from tests.support.plans import DESCRIPTION


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def reported(folder: Path, *patterns: tuple[str, str]) -> Reported:
    return Reported(DESCRIPTION, patterns, folder / "metrics.csv", folder / "checkpoints")


def test_a_row_is_said_once_and_the_last_number_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heard = reported(folder)
    for line in (
        "epoch=1 train_accuracy=0.25",
        "epoch=1 validation_accuracy=0.5 seconds=1",
        "epoch=2 train_accuracy=0.5 validation_accuracy=0.75 seconds=1",
        "epoch=1 validation_accuracy=0.5",
        "test_accuracy=0.7",
        "test_accuracy=0.8 test_examples=200",
    ):
        assert heard.take(line)
    heard.close()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch=")]
    assert rows == [
        "epoch=1 step=0 train_accuracy=0.25 validation_accuracy=0.5 seconds=1",
        "epoch=2 step=0 train_accuracy=0.5 validation_accuracy=0.75 seconds=1",
    ]
    results = heard.results("train.py")
    assert (results.metrics["test_accuracy"], results.examples) == (0.8, 200)
    assert [row["validation_accuracy"] for row in metrics.epochs(folder / "metrics.csv")] == [0.5, 0.75]


def test_what_sounds_like_the_harness_is_set_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heard = reported(folder)
    for line in ("worker of mine", "progress bar", "sagemaker says", "epoch=now", "hello"):
        heard.take(line)
    assert capsys.readouterr().out.splitlines() == [
        " worker of mine",
        " progress bar",
        " sagemaker says",
        " epoch=now",
        "hello",
    ]


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("test_accuracy=.5e-1, test_loss=+2", {"test_accuracy": 0.05, "test_loss": 2.0}),
        ("best.test_accuracy=0.5", {}),
        ("test_accuracy=1.2.3", {}),
        ("test_accuracy=12abc", {}),
        ("test_accuracy = 0.5", {}),
        ("accuracy=0.5", {}),
    ],
)
def test_only_a_name_and_a_number_are_a_metric(folder: Path, line: str, numbers: dict[str, float]) -> None:
    heard = reported(folder)
    heard.take(line)
    assert heard.last == numbers


@pytest.mark.parametrize(
    ("lines", "patterns", "complaint"),
    [
        (("test_accuracy=nan",), (), "test_accuracy is nan: it is infinite or not a number"),
        (("epoch=1 train_loss=inf", "test_accuracy=0.5"), (), "train_loss is inf"),
        (("test_loss=1",), (), "train.py never reported test_accuracy=NUMBER; it reported test_loss"),
        ((), (), "it reported no metric at all"),
        (("Accuracy: high",), (("test_accuracy", "Accuracy: (.*)"),), "finds no number but 'high'"),
    ],
)
def test_what_is_no_result_is_said(
    folder: Path, lines: tuple[str, ...], patterns: tuple[tuple[str, str], ...], complaint: str
) -> None:
    heard = reported(folder, *patterns)
    for line in lines:
        heard.take(line)
    with pytest.raises(RunFailed, match=complaint):
        heard.results("train.py")


def test_a_script_that_was_killed_after_its_last_epoch_has_the_results_of_one_that_was_not(folder: Path) -> None:
    (folder / "checkpoints" / "its own").touch()
    lines = [f"epoch={epoch} train_accuracy=0.{epoch} validation_accuracy=0.{epoch + 1}" for epoch in (1, 2)]
    unbroken, killed = reported(folder), reported(folder)
    for heard in (unbroken, killed):
        for line in lines:
            heard.take(line)
    killed.close()
    unbroken.take("test_accuracy=0.5")
    resumed = reported(folder)
    resumed.take("test_accuracy=0.5")  # all that is left to it
    assert resumed.results("train.py") == unbroken.results("train.py")


def test_a_script_that_resumes_keeps_the_rows_of_before(folder: Path) -> None:
    (folder / "checkpoints" / "own").write_text("")
    first = reported(folder)
    first.take("epoch=1 validation_accuracy=0.5")
    first.close()
    second = reported(folder)
    second.take("epoch=2 validation_accuracy=0.75")
    second.close()
    assert [row["validation_accuracy"] for row in metrics.epochs(folder / "metrics.csv")] == [0.5, 0.75]


def test_a_row_that_was_said_before_the_first_checkpoint_is_kept_when_that_is_there(folder: Path) -> None:
    killed = reported(folder)
    killed.take("epoch=1 validation_accuracy=0.5")
    killed.keep()
    assert not list((folder / "checkpoints").iterdir())
    (folder / "checkpoints" / "own").write_text("")
    killed.keep()
    assert set(reported(folder).rows) == {1}


def test_of_several_workers_the_chief_alone_writes(folder: Path) -> None:
    (folder / "checkpoints" / "own").write_text("")
    other = Reported(DESCRIPTION, (), folder / "metrics.csv", folder / "checkpoints", chief=False)
    other.take("epoch=1 validation_accuracy=0.5")
    other.keep()
    other.close()
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["own"]


@hypothesis_settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(st.text(max_size=30), st.text("epoch=testaccuracy_ 0123456789.e+-nainf", max_size=30))))
def test_no_line_ends_the_reading(folder: Path, lines: list[str]) -> None:
    heard = reported(folder)
    for line in lines:
        heard.take(line)
    heard.close()
    metrics.epochs(folder / "metrics.csv")
