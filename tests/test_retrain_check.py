"""The exit code of retrain_check.py goes by the test set of the new data."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import retrain_check
from harness.evidence import retraining
from harness.settings import command_line


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("better", "worse", 1), ("worse", "better", 0), ("worse", "inside the noise", 0), ("worse", "undecided", 0)],
)
def test_the_new_model_is_refused_where_it_is_worse_on_the_new_test_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], old: str, new: str, code: int
) -> None:
    run = SimpleNamespace(
        run_id="a run", plan=SimpleNamespace(experiment=SimpleNamespace(dataset=SimpleNamespace(hash="x")))
    )
    named: list[tuple[str, ...]] = []

    def pair(runs: Path, *names: str) -> Any:
        named.append(names)
        return SimpleNamespace(old=run, new=run)

    monkeypatch.setattr(retraining, "named", pair)
    monkeypatch.setattr(retraining, "test_sets", lambda *_: {})
    claims = {"old test": SimpleNamespace(word=old), "new test": SimpleNamespace(word=new)}
    monkeypatch.setattr(retraining, "judge", lambda *_: claims)
    assert retrain_check.check(command_line.parse(retrain_check.VERB, ["A", "B"])) == code
    assert named == [("A", "B")]
    printed = capsys.readouterr().out
    assert f"old test  namespace(word='{old}')" in printed and f"new test  namespace(word='{new}')" in printed
