"""Every step of docs/programs.md does what the document says."""

import itertools
import re
from pathlib import Path

import pytest

from harness.settings.project import ROOT
from tests.support import projects
from tests.support.projects import make_project, record_of, type_in

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("comet_aside", "plots_aside")]
STEPS = re.findall(r"(?s)\*\*(\d)\. .*?```python\n(.*?)```", (ROOT / "docs" / "programs.md").read_text())
# It prints the last two epochs, and keeps the checkpoint of the last one, before anyone has read the one before.
AHEAD = """
import json, os
from pathlib import Path

kept, last = Path(os.environ["SM_CHECKPOINT_DIR"], "last.json"), json.loads(os.environ["SM_HPS"])["epochs"]
said = []
for epoch in range(json.loads(kept.read_text()) if kept.exists() else 1, last + 1):
    said.append(f"epoch={epoch} train_loss={epoch} validation_loss={epoch}")
    if epoch != last - 1:
        print(("\\n" + "x=1 " * 12_000 + "\\n").join(said), flush=True)
        said = []
        kept.write_text(json.dumps(epoch + 1))
print("test_loss=1")
Path(os.environ["SM_MODEL_DIR"], "model.json").write_text("[]")
"""
WORDS = ("program=mine", "mode.runner=process", "mode.threads=1")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("document") / "project")
    assert type_in(project, "mine", "like=command", verb="new").returncode == 0
    return project


def test_there_are_five_and_each_keeps_most_of_the_one_before() -> None:
    assert [number for number, _ in STEPS] == list("12345")
    for (_, before), (_, after) in itertools.pairwise(STEPS):
        assert len(set(after.splitlines()) - set(before.splitlines())) <= 8


@pytest.mark.parametrize(("number", "script"), STEPS)
def test_a_step_trains_and_promises_what_it_can(project: Path, number: str, script: str) -> None:
    (project / "src/programs/mine/train.py").write_text(script)
    done = type_in(project, *WORDS)
    assert done.returncode == 0, done.stdout + done.stderr
    run = projects.runs(project)[-1]
    assert record_of(run).value("test") is not None
    assert len((run / "metrics.csv").read_text().splitlines()) == (11 if number >= "3" else 2)
    if number in "35":
        proven = type_in(project, *WORDS, verb="prove")
        assert proven.returncode == 0, proven.stdout + proven.stderr
        assert "replay    proven" in proven.stdout
        assert ("resume    proven" if number == "5" else "resume    not offered") in proven.stdout


@pytest.mark.parametrize("epochs", [2, 3])
def test_what_a_script_had_printed_when_it_was_killed_is_known_to_the_resumed_one(project: Path, epochs: int) -> None:
    (project / "src/programs/mine/train.py").write_text(AHEAD)
    proven = type_in(project, *WORDS, f"epochs={epochs}", verb="prove")
    assert proven.returncode == 0 and "resume    proven" in proven.stdout, proven.stdout + proven.stderr
