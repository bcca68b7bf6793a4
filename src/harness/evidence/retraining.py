"""Compare a new model with an old one, on the test sets of both versions of the data, on the whole and class by class.

Where a folder of runs has several seeds of both, it compares the means of these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.contract import program
from harness.contract.errors import NotReady
from harness.data import pins
from harness.data.restore import restore_data
from harness.evidence import baseline, classes, decision, judging
from harness.evidence.decision import TEST, Decision
from harness.evidence.significance import Rights
from harness.runs import stored
from harness.runs.stored import StoredRun
from harness.settings.schema import Data

FREEDOM = 4  # degrees of freedom that a spread over seeds needs: three of each, say
MOST = 10  # models of one group that are scored


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
    return of(stored.named(runs, old), stored.named(runs, new))


def of(old: StoredRun, new: StoredRun) -> Pair:
    """Two runs as a pair; raises as `named` does."""
    for run in (old, new):
        if not run.model.exists():
            raise NotReady(f"{run.run_id} has no model", legal="a completed run")
    programs = [run.plan.experiment.program for run in (old, new)]
    if programs[0] != programs[1]:
        what = f"{old.run_id} is a run of {programs[0]}, {new.run_id} of {programs[1]}"
        raise NotReady(what, legal="two runs of one program")
    return Pair(old, new)


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
    """The data of both versions, as folders, by the name of its test set; of one version that of the new run.

    Raises:
        NotReady, DataError: a version cannot be had.
        SettingError: the program is not there any more.
    """
    source = program.load(pair.new.plan.experiment.program).source()
    hashes = {name: run.plan.experiment.dataset.hash for name, run in vars(pair).items()}
    return {
        TEST[name]: restore_data(root, run, settings, source, say).folder
        for name, run in vars(pair).items()
        if name == "new" or hashes["old"] != hashes["new"]
    }


def judge(runs: Path, pair: Pair, sets: dict[str, Path], threads: int) -> Decision:
    """Which model is better on each test set, by the program's own score; the one of the new data decides.

    Raises:
        SettingError: the program is not there any more, or cannot score a saved model.
        NotReady: its score does not say which examples are right.
    """
    name, known = pair.new.plan.experiment.program, stored.everything(runs)[0]
    program.scorer(name)
    program.load(name).runtime.configure(threads)
    groups = _groups(known, pair)
    bands = judging.Bands(runs, known, pair.old, pair.new)
    judged = {}
    for title, data in sets.items():
        tested = next(run for part, run in vars(pair).items() if TEST[part] == title)
        old, new = ([_rights(name, run, data, bands.noun) for run in group] for group in groups)
        if len(set(map(len, [*old, *new]))) != 1:
            raise NotReady(f"the score of {name} does not say which {bands.noun} are right")
        judged[title] = judging.judge(old, new, classes.of_test_set(tested), bands)
    word, why = decision.word(judged[TEST["new"]])
    data_old, data_new = (run.plan.experiment.dataset.hash for run in (pair.old, pair.new))
    return Decision(decision.SCHEMA, name, pair.old.run_id, pair.new.run_id, data_old, data_new, word, why, judged)


def _groups(known: Sequence[StoredRun], pair: Pair) -> list[list[StoredRun]]:
    """The models to compare: all seeds of both experiments where they are enough, else the pair alone."""
    groups = []
    for run in (pair.old, pair.new):
        others = [each for each in baseline.siblings(known, run).values() if each.model.exists()]
        groups.append([run, *(each for each in others[::-1] if each.run_id != run.run_id)][:MOST])
    enough = min(map(len, groups)) > 1 and sum(map(len, groups)) - 2 >= FREEDOM
    return groups if enough else [[pair.old], [pair.new]]


def _rights(name: str, run: StoredRun, data: Path, noun: str) -> Rights:
    rights = list(map(bool, program.scorer(name)(run.model, data).right))
    if not rights:
        raise NotReady(f"the score of {name} does not say which {noun} are right")
    return rights
