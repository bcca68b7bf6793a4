"""Whether a run may be put in force, by itself: completed, clean, on real data, and borne out by a replay."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.contract.errors import NotReady
from harness.evidence import baseline, verdict
from harness.evidence.verdict import Verdict
from harness.provenance.repository import commit_in_words
from harness.runs.stored import StoredRun


@dataclass(frozen=True)
class Fit:
    """A run that may be put in force: `commit` is the one that it was made from, `replay` the run that bears it out."""

    run: StoredRun
    commit: str
    replay: str
    verdict: str


def fit(run: StoredRun, known: Sequence[StoredRun]) -> Fit:
    """See that a run may be put in force, by itself; `known` are all runs, among them its replays.

    Raises:
        NotReady: it did not end, is on sample data, of a dirty or unknown state, or unreplayed.
    """
    name, command = run.run_id, "python src/promote.py RUN"
    if run.status != "completed" or run.record is None or not run.record.weights or not run.model.is_file():
        raise NotReady(f"{name} is {run.status}, or has no model here", legal="a completed run", command=command)
    if run.plan.experiment.dataset.sample:
        what = f"{name} was trained on sample data, which stands in for {run.plan.experiment.program}'s own"
        raise NotReady(what, legal="a run on the real data", command="python src/fetch.py")
    git = run.plan.provenance.git
    if git is None or git.dirty is not False:
        what = f"{name} comes from {commit_in_words(git)}: no commit has what was trained"
        raise NotReady(what, legal="a run of a clean commit", command="git commit, then train again")
    replay, judged = _replayed(run, known)
    return Fit(run, git.commit, replay.run_id, judged.verdict)


def _replayed(run: StoredRun, known: Sequence[StoredRun]) -> tuple[StoredRun, Verdict]:
    """The newest replay of a run's own plan, with a verdict that bears the run out.

    Raises:
        NotReady: there is none, or its verdict is another.
    """
    command = f"python src/replay.py {run.run_id}"
    judged = []
    for each in known:
        if each.plan.provenance.replays == run.run_id and each.plan.experiment == run.plan.experiment:
            with contextlib.suppress(OSError, ValueError):  # still running, or its baseline came without a record
                judged.append((each, baseline.read_verdict(each.folder)))
    if not judged:
        raise NotReady(f"{run.run_id} was not replayed", legal="a run with a verdict", command=command)
    replay, found = judged[-1]
    if found.original != run.run_id or found.verdict not in (verdict.IDENTICAL, verdict.EQUIVALENT):
        raise NotReady(f"the replay {replay.run_id} is {found.verdict} from {run.run_id}", command=command)
    return replay, found
