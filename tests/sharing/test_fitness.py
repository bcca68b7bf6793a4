"""What a run must be by itself to be put in force."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness.contract import plan, serial
from harness.contract.errors import NotReady
from harness.contract.plan import Git
from harness.evidence.band import Band
from harness.evidence.verdict import SCHEMA, Verdict
from harness.runs import stored
from harness.runs.stored import StoredRun
from harness.sharing import fitness
from tests.support.plans import DATASET, DESCRIPTION, NOW, PLACEMENT, PROVENANCE
from tests.support.records import completed, plan_of, stage

CLEAN = Git("c" * 40, "main", None, None, False, None)


def leave(
    runs: Path,
    minutes: int = 0,
    git: Git | None = CLEAN,
    sample: bool = False,
    replays: str | None = None,
    **config: Any,
) -> StoredRun:
    """A completed run, with a model."""
    experiment = plan_of(DESCRIPTION, **config).experiment
    experiment = dataclasses.replace(experiment, dataset=dataclasses.replace(DATASET, sample=sample))
    provenance = dataclasses.replace(PROVENANCE, git=git, replays=replays)
    now = NOW.replace(minute=minutes)
    planned = plan.make(experiment, DESCRIPTION, PLACEMENT, provenance, now)
    run = stage(runs, planned, completed(planned, 0.5))
    run.model(planned).write_bytes(b"model")
    return stored.read(run)


def judged(
    runs: Path, run: StoredRun, word: str, minutes: int, original: str | None = None, **config: Any
) -> StoredRun:
    """A replay of it with that verdict."""
    replay = leave(runs, minutes, replays=run.run_id, **config)
    found = Verdict(
        SCHEMA, original or run.run_id, replay.run_id, word, (), (), None, None, "accuracy", 0.0, Band(None, "")
    )
    replay.folder.verdict.write_text(serial.dumps(found))
    return replay


def fit(runs: Path, run: StoredRun) -> fitness.Fit:
    return fitness.fit(run, stored.everything(runs)[0])


@pytest.mark.parametrize("word", ["identical", "equivalent"])
def test_a_clean_run_that_was_replayed_is_fit_and_what_bears_it_out_is_named(tmp_path: Path, word: str) -> None:
    run = leave(tmp_path)
    replay = judged(tmp_path, run, word, 1)
    found = fit(tmp_path, run)
    assert (found.commit, found.replay, found.verdict) == ("c" * 40, replay.run_id, word)


@pytest.mark.parametrize(
    ("git", "words"),
    [
        (None, "not a git repository"),
        (dataclasses.replace(CLEAN, dirty=True), "uncommitted changes"),
        (dataclasses.replace(CLEAN, dirty=None), "unknown"),
    ],
)
def test_a_run_that_no_commit_holds_is_refused(tmp_path: Path, git: Git | None, words: str) -> None:
    run = leave(tmp_path, git=git)
    judged(tmp_path, run, "identical", 1, git=git)
    with pytest.raises(NotReady, match=words):
        fit(tmp_path, run)


def test_a_run_on_sample_data_is_refused(tmp_path: Path) -> None:
    run = leave(tmp_path, sample=True)
    judged(tmp_path, run, "identical", 1, sample=True)
    with pytest.raises(NotReady, match="sample data"):
        fit(tmp_path, run)


def test_a_run_without_a_model_is_refused(tmp_path: Path) -> None:
    run = leave(tmp_path)
    judged(tmp_path, run, "identical", 1)
    run.model.unlink()
    with pytest.raises(NotReady, match="no model"):
        fit(tmp_path, run)


def test_a_replay_counts_only_if_it_is_of_this_run_and_this_plan_and_the_newest_one_does(tmp_path: Path) -> None:
    run = leave(tmp_path)
    with pytest.raises(NotReady, match=f"not replayed.*replay.py {run.run_id}"):
        fit(tmp_path, run)
    judged(tmp_path, run, "identical", 1, seed=7)  # replay.py RUN seed=7
    with pytest.raises(NotReady, match="not replayed"):
        fit(tmp_path, run)
    judged(tmp_path, run, "identical", 2)
    assert fit(tmp_path, run).verdict == "identical"
    newest = judged(tmp_path, run, "different", 3)
    with pytest.raises(NotReady, match=f"{newest.run_id} is different"):
        fit(tmp_path, run)
    judged(tmp_path, run, "identical", 4, original="another")
    with pytest.raises(NotReady):
        fit(tmp_path, run)
