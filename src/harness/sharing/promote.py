"""Put a run in force, or the one before it again, step by step."""

import contextlib
import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from harness.contract import atomic, program, serial
from harness.contract.errors import NotReady
from harness.evidence import retraining
from harness.evidence.decision import Decision
from harness.provenance.command import line, output
from harness.runs import locks, stored
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun
from harness.settings.schema import Config, threads
from harness.sharing import dvc, find, promotions, referee, run_archive
from harness.sharing.fitness import Fit
from harness.sharing.promotions import FOLDER, NOT_COMPARED, Entry, History
from harness.sharing.referee import Branch, Refused

LOCK = Path(".cache", "promote.lock")
Say = Callable[[str], None]


def found(runs: Path, name: str, scratch: Path) -> tuple[StoredRun, list[StoredRun]]:
    """The run of any name, and all runs of the folder; raises as `find.find` does."""
    (folder := scratch / "run").mkdir()
    return find.find(runs, name, folder), stored.everything(runs)[0]


def compared(
    root: Path, history: History, run: StoredRun, settings: Config, scratch: Path, say: Say
) -> tuple[Decision | None, str]:
    """How a run does against the one in force, and why in words; None where none is, or its program has no score.

    Raises:
        HarnessError: the run in force, its data or the score cannot be had.
    """
    if history.in_force is None:
        return None, "no run was in force before"
    if program.load(history.program).score is None:
        return None, f"{history.program} has no score of its own"
    (folder := scratch / "in force").mkdir()
    before = stored.read(RunFolder(promotions.opened(root, history.program, history.in_force, folder)))
    pair = retraining.of(before, run)
    sets = retraining.test_sets(root, pair, settings.data, say)
    decided = retraining.judge(root / settings.runs_folder, pair, sets, threads(settings.mode))
    return decided, f"{decided.word} than {before.run_id}: {decided.why}"


def alone(root: Path) -> contextlib.AbstractContextManager[None]:
    """One promotion at a time in this checkout; raises NotReady."""
    (root / LOCK).parent.mkdir(exist_ok=True)
    return locks.alone(root / LOCK, NotReady("another promotion is under way in this checkout", legal="its end"))


def entry(at: Branch, found: Fit, decided: Decision | None, why: str) -> Entry:
    """The entry of a run; `why` where nothing was decided."""
    run, record = found.run, found.run.record
    results = record.results if record else None
    metrics = {name: value for name, value in (results.metrics if results else {}).items() if name.startswith("test_")}
    return Entry(
        run_id=run.run_id,
        experiment_id=run.plan.experiment_id,
        weights=str(record and record.weights),
        commit=found.commit,
        metrics=metrics,
        replay=found.replay,
        verdict=found.verdict,
        against=decided.old if decided else None,
        decision=decided.word if decided else NOT_COMPARED,
        why=decided.why if decided else why,
        who=_who(at),
        when=_now(),
        back=False,
    )


def back(at: Branch, history: History) -> Entry:
    """The entry that puts the run in force again that was so before the present one.

    Raises:
        NotReady: there was none.
    """
    if len(history.standing) < 2:
        what = f"no run of {history.program} was in force before the present one"
        raise NotReady(what, command="python src/promote.py")
    return dataclasses.replace(history.standing[-2], who=_who(at), when=_now(), back=True)


def current(at: Branch, program: str) -> History:
    """The history as everybody has it.

    Raises:
        NotReady: somebody has promoted since, or the branch is not what the remote has.
    """
    ours, theirs = (promotions.read(at.root, program, revision) for revision in (at.head, at.latest))
    if len(theirs.entries) > len(ours.entries):
        raise NotReady(f"meanwhile promoted: {theirs.entries[-1]}", command="git pull")
    referee.refuse_apart(at)
    return ours


def pack(root: Path, run: StoredRun, say: Say) -> dict[str, bytes]:
    """Archive a run with its model for DVC, and push it where a remote is; what git has to track, by path.

    The archives themselves are ignored by the project's own .gitignore.

    Raises:
        NotReady: it holds a secret, or DVC fails.
    """
    folder = root / FOLDER / run.plan.experiment.program
    path = folder / f"{run.run_id}.zip"
    content = run_archive.pack(run, root, True, "", say)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write(path, content)
    except OSError as error:
        raise NotReady(f"{path} cannot be written: {error.strerror}", command="df -h .") from error
    name = path.relative_to(root).as_posix()
    dvc.run(root, "add", "--quiet", name)
    if dvc.run(root, "remote", "list").strip():
        dvc.run(root, "push", "--quiet", f"{name}.dvc")
        say(f"archived  {name}: {len(content) / 1e6:.1f} MB, pushed to the DVC remote")
    else:
        say(f"archived  {name}: {len(content) / 1e6:.1f} MB; no DVC remote is configured, so nobody else has it")
    return {f"{name}.dvc": (root / f"{name}.dvc").read_bytes()}


def land(at: Branch, history: History, new: Entry, files: dict[str, bytes], push: bool, say: Say) -> str | None:
    """Add an entry to the history and have git decide; the tag that it got, if any. A refusal leaves no file behind.

    Where the remote took it and this branch has gone on meanwhile, it is in force, and comes here by `git pull`.

    Raises:
        Refused: another promotion came first: says whose.
        NotReady: git or the disk fails.
    """
    added = dataclasses.replace(history, entries=(*history.entries, new))
    name = f"{FOLDER}/{history.program}.json"
    text = serial.dumps(added)
    tag = f"{FOLDER}/{history.program}/{len(added.entries)}" if push else None
    verb = "Put back in force" if new.back else "Promote"
    message = f"{verb} {new.run_id} of {history.program}\n\n{new}\n"
    try:
        referee.land(at, {**files, name: text.encode()}, message, tag)
    except Refused as error:
        for each in files:
            (at.root / each).unlink()
            (at.root / each).with_suffix("").unlink()  # the archive, which DVC's cache keeps
        referee.fetch(at)
        theirs = promotions.read(at.root, history.program, at.latest if at.remote else "HEAD")
        if theirs.entries[-1:] == (new,):
            say(f"type      git pull: the remote has the promotion; here {error.what}")
            return tag
        first = f"{theirs.entries[-1]} came first" if len(theirs.entries) > len(history.entries) else error.what
        raise Refused(f"{new.run_id} was not promoted: {first}", command="git pull, then the same again") from error
    atomic.write(at.root / name, text)
    return tag


def tell_comet(new: Entry, tag: str | None, say: Say) -> None:
    """Give the run's experiment in Comet the tag, where there is a key; what Comet refuses is said, and no more."""
    from harness.tracking import key, remote

    if tag is None or not key.has_key():
        return
    try:
        remote.tag(key.experiment_key(new.run_id), tag)
        say(f"comet     tagged {tag}")
    except NotReady as error:
        say(f"comet     not tagged: {error.what}")


def _who(at: Branch) -> str:
    return line(output(at.root, "var", "GIT_AUTHOR_IDENT")).decode(errors="replace").rpartition(" <")[0]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
