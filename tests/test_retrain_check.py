"""The exit code of retrain_check.py is that of the decision, and its files say the same."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import retrain_check
from harness.evidence import decision, retraining
from harness.evidence.decision import Decision, Judged
from harness.settings import command_line
from harness.sharing import find
from tests.evidence.test_decision import claimed

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")


@pytest.mark.parametrize(
    ("old", "new", "classes", "code"),
    [
        ("better", "worse", {}, 3),
        ("worse", "better", {}, 0),
        ("worse", "inside the noise", {}, 4),
        ("worse", "undecided", {}, 4),
        ("better", "inside the noise", {"cat": "worse", "dog": "better"}, 3),
        ("better", "better", {"cat": "worse"}, 0),
    ],
)
def test_the_new_test_set_decides_and_a_class_where_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    old: str,
    new: str,
    classes: dict[str, str],
    code: int,
) -> None:
    run = SimpleNamespace(
        run_id="a run", plan=SimpleNamespace(experiment=SimpleNamespace(dataset=SimpleNamespace(hash="x")))
    )
    named: list[tuple[str, ...]] = []

    def several(runs: Path, names: tuple[str, ...], scratch: Path) -> Any:
        named.append(names)
        return [run, run]

    monkeypatch.setattr(find, "several", several)
    monkeypatch.setattr(retraining, "of", lambda old, new: SimpleNamespace(old=old, new=new))
    monkeypatch.setattr(retraining, "test_sets", lambda *_: {})
    sets = {
        "old test": Judged(claimed(old), {}),
        "new test": Judged(claimed(new), {name: claimed(word) for name, word in classes.items()}),
    }
    word, why = decision.word(sets["new test"])
    decided = Decision(1, "mine", "A", "B", "x", "y", word, why, sets)
    monkeypatch.setattr(retraining, "judge", lambda *_: decided)
    files = [f"json={tmp_path / 'check.json'}", f"markdown={tmp_path / 'check.md'}"]
    assert retrain_check.check(command_line.parse(retrain_check.VERB, ["A", "B", *files])) == code
    assert named == [("A", "B")]
    printed = capsys.readouterr().out
    assert f"decision  {word}" in printed and f": {old}, as it was made" in printed
    assert json.loads((tmp_path / "check.json").read_text())["sets"]["new test"]["whole"]["word"] == new
    assert f"**{word}**" in (tmp_path / "check.md").read_text()
    for name in classes:
        assert f"new test, {name} (100)" in (tmp_path / "check.md").read_text()
