"""Compare a retrained model with the old one, on the test sets of both versions of the data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.contract import program
from harness.contract.errors import NotReady
from harness.data import pins
from harness.data.restore import restore_data
from harness.evidence import baseline, significance
from harness.evidence.band import Band
from harness.evidence.significance import Claim
from harness.runs import stored
from harness.runs.stored import StoredRun
from harness.settings.schema import Data


@dataclass(frozen=True)
class Pair:
    """A run on the old data and one on the new, of one program."""

    old: StoredRun
    new: StoredRun


def named(runs: Path, old: str, new: str) -> Pair:
    """The two runs of these names.

    Raises:
        NotReady: one is not there, has no model, or is another program's.
    """
    pair = Pair(stored.named(runs, old), stored.named(runs, new))
    for run in (pair.old, pair.new):
        if not run.model.exists():
            raise NotReady(f"{run.run_id} has no model", legal="a completed run")
    programs = [run.plan.experiment.program for run in (pair.old, pair.new)]
    if programs[0] != programs[1]:
        raise NotReady(f"{old} is a run of {programs[0]}, {new} of {programs[1]}", legal="two runs of one program")
    return pair


def newest(root: Path, runs: Path, document: str | None) -> Pair:
    """The newest completed run on what a .dvc document pins, and the same program's newest on another version.

    Raises:
        NotReady: there is no such run.
        DataError: no data is pinned.
    """
    pin = pins.pinned(root, document).hash
    whole = [each for each in stored.everything(runs)[0] if each.status == "completed" and each.model.exists()]
    whole = [each for each in whole if not each.plan.experiment.dataset.sample]
    new = [each for each in whole if each.plan.experiment.dataset.hash == pin]
    if not new:
        raise NotReady(f"no completed run in {runs} was trained on {pin}, which {document} pins", command="dvc repro")
    same = [each for each in whole if each.plan.experiment.program == new[-1].plan.experiment.program]
    old = [each for each in same if each.plan.experiment.dataset.hash != pin]
    if not old:
        raise NotReady(f"no completed run in {runs} was trained on another version of the data", legal="OLD NEW")
    return Pair(old[-1], new[-1])


def test_sets(root: Path, pair: Pair, settings: Data, say: Callable[[str], None]) -> dict[str, Path]:
    """The data of both versions, as folders, by the name of its test set.

    Raises:
        NotReady, DataError: a version cannot be had.
        SettingError: the program is not there any more.
    """
    source = program.load(pair.new.plan.experiment.program).source()
    return {
        f"{name} test": restore_data(root, run, settings, source, say).folder
        for name, run in (("old", pair.old), ("new", pair.new))
    }


def judge(runs: Path, pair: Pair, sets: dict[str, Path], threads: int) -> dict[str, Claim]:
    """Which model is better on each test set, by the program's own score.

    Raises:
        SettingError: the program is not there any more, or cannot score a saved model.
        NotReady: its score does not say which examples are right.
    """
    name, description = pair.new.plan.experiment.program, pair.new.plan.description
    score = program.scorer(name)
    program.load(name).runtime.configure(threads)
    if description.objective.share:
        band = baseline.band(runs, pair.new)
    else:
        band = Band(None, f"no spread is known for the share of {description.examples} that are right")
    claims = {}
    for title, data in sets.items():
        old, new = (list(map(bool, score(run.model, data).right)) for run in (pair.old, pair.new))
        if not old or len(old) != len(new):
            raise NotReady(f"the score of {name} does not say which {description.examples} are right")
        pairs = list(zip(old, new, strict=True))
        counts = (pairs.count((True, False)), pairs.count((False, True)), pairs.count((True, True)))
        claims[title] = significance.claim(*counts, len(pairs), band, description.examples)
    return claims
