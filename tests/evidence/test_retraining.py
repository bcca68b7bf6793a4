"""Two models on two test sets, by the score of a program made by hand."""

import dataclasses
import json

import pytest

from harness.contract import plan, program
from harness.contract.errors import NotReady
from harness.contract.program import Program, Runtime, Scores
from harness.contract.source import Source
from harness.evidence import retraining
from harness.runs import stored
from tests.support.plans import DATASET, DESCRIPTION
from tests.support.records import BIGRAMS, completed, plan_of, stage

COUNT = 1000


class Threads(Runtime):
    """A runtime that keeps what it was given."""

    given = 0

    def configure(self, threads: int) -> None:
        Threads.given = threads


def score(model, data):
    """Whose model is a threshold: examples below it are right, on each test set as many as its file says."""
    right = json.loads(model.read_text())[json.loads((data / "name").read_text())]
    return Scores({"accuracy": right / COUNT}, [at < right for at in range(COUNT)])


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    owner = Program(object, DESCRIPTION.metrics, None, Source, score, runtime=Threads())  # type: ignore[arg-type]
    monkeypatch.setattr(program, "load", lambda name: owner)


def leave(
    runs,
    number,
    sample=False,
    description=DESCRIPTION,
    data="15fc0000000000000000000000000000.dir",
    program_name="mine",
    right=(500, 500),
    **config,
):
    planned = plan_of(description, program=program_name, minutes=number, **config)
    dataset = dataclasses.replace(DATASET, hash=data, sample=sample)
    experiment = dataclasses.replace(planned.experiment, dataset=dataset)
    planned = plan.make(experiment, description, planned.placement, planned.provenance, planned_at(number))
    run = stage(runs, planned, completed(planned, 0.5))
    run.model(planned).write_text(json.dumps({"old": right[0], "new": right[1]}))
    return stored.read(run)


def planned_at(number):
    from datetime import timedelta

    from tests.support.records import NOW

    return NOW + timedelta(minutes=number)


@pytest.fixture
def sets(tmp_path):
    folders = {}
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(json.dumps(name))
        folders[f"{name} test"] = tmp_path / name
    return folders


def test_each_model_is_scored_on_each_test_set_by_its_program(tmp_path, sets):
    runs = tmp_path / "runs"
    pair = retraining.Pair(leave(runs, 0, right=(800, 500)), leave(runs, 1, data=f"{'2' * 32}.dir", right=(790, 900)))
    decided = retraining.judge(runs, pair, sets, threads=3)
    assert Threads.given == 3
    old, new = (decided.sets[f"{name} test"].whole for name in ("old", "new"))
    assert (old.old, old.new) == (0.8, 0.79)
    assert (new.old, new.new, new.word, decided.word) == (0.5, 0.9, "better", "better")
    assert (decided.old, decided.new) == (pair.old.run_id, pair.new.run_id)


def test_what_is_right_has_no_known_spread_where_another_metric_decides(tmp_path, sets):
    runs = tmp_path / "runs"
    pair = retraining.Pair(
        leave(runs, 0, description=BIGRAMS),
        leave(runs, 1, description=BIGRAMS, data=f"{'2' * 32}.dir", right=(500, 900)),
    )
    decided = retraining.judge(runs, pair, sets, threads=1)
    assert decided.judged.whole.word == "undecided" and "share of words" in decided.judged.whole.why
    assert decided.word == "cannot tell"


def test_seeds_that_were_trained_settle_what_one_of_each_cannot(tmp_path, sets):
    runs = tmp_path / "runs"
    pair = retraining.Pair(leave(runs, 0, right=(800, 800)), leave(runs, 1, right=(800, 815), rate=2))
    alone = retraining.judge(runs, pair, sets, threads=1)
    assert alone.word == "cannot tell" and alone.judged.whole.seeds == (1, 1)
    for seed in (1, 2):
        leave(runs, 2 * seed, right=(800, 800 + seed), seed=seed)
        leave(runs, 2 * seed + 1, right=(800, 815 + seed), rate=2, seed=seed)
    settled = retraining.judge(runs, pair, sets, threads=1)
    assert (settled.word, settled.judged.whole.seeds) == ("better", (3, 3))
    assert settled.judged.whole.old == pytest.approx(0.801) and settled.judged.whole.new == pytest.approx(0.816)


def test_a_score_that_does_not_say_what_is_right_is_refused(tmp_path, sets, monkeypatch):
    owner = dataclasses.replace(program.load("mine"), score=lambda model, data: Scores({"accuracy": 0.5}, ()))
    monkeypatch.setattr(program, "load", lambda name: owner)
    pair = retraining.Pair(leave(tmp_path / "runs", 0), leave(tmp_path / "runs", 1))
    with pytest.raises(NotReady, match="which images are right"):
        retraining.judge(tmp_path / "runs", pair, sets, threads=1)


def test_the_newest_pair_is_of_one_program_and_two_versions(tmp_path):
    (tmp_path / "data.dvc").write_text(f"outs:\n- md5: {'a' * 32}.dir\n  path: data\n")
    runs = tmp_path / "runs"
    leave(runs, 0, data=f"{'4' * 32}.dir")
    old = leave(runs, 1, data=f"{'2' * 32}.dir")
    leave(runs, 3, sample=True, data=f"{'5' * 32}.dir")
    leave(runs, 4, data=f"{'3' * 32}.dir", program_name="another")
    with pytest.raises(NotReady, match=f"{'a' * 32}.dir, which data.dvc pins"):
        retraining.newest(tmp_path, runs, "data.dvc")
    new = leave(runs, 5, data=f"{'a' * 32}.dir")
    pair = retraining.newest(tmp_path, runs, "data.dvc")
    assert (pair.old.run_id, pair.new.run_id) == (old.run_id, new.run_id)
    with pytest.raises(NotReady, match=r"a run of mine, .* of another"):
        retraining.named(runs, old.run_id, "20260102T030805")
    new.model.unlink()
    with pytest.raises(NotReady, match=f"{new.run_id} has no model"):
        retraining.named(runs, old.run_id, new.run_id)
