"""Start a drafted run, follow it to completion, and publish what it left: plots, Comet, DVC, console."""

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.contract.errors import HarnessError, NotReady
from harness.contract.plan import RunPlan
from harness.contract.record import RunRecord
from harness.evidence import baseline
from harness.evidence.verdict import DIFFERENT, Verdict
from harness.finish import plots, publish, room, summary
from harness.launch import collect, follow, signals
from harness.launch.listener import Listener
from harness.launch.request import data_name
from harness.launch.runner import Runner, StopEarly
from harness.launch.signals import Held
from harness.planning.draft import Draft
from harness.runs.run_folder import RunFolder
from harness.settings.project import ROOT
from harness.settings.schema import Comet, Config
from harness.tracking.tracker import Tracker

DETACHED = 3  # exit code
Epoch = dict[str, float]


@dataclass(frozen=True)
class Started:
    """A run whose worker is about to start, or is at work elsewhere.

    `dataset` is the folder of its data, `since` the monotonic time from which it is timed, `target` a folder that
    it is published to, `held` the signals that arrive while it may not be broken off.
    """

    runner: Runner
    run: RunFolder
    plan: RunPlan
    dataset: Path
    comet: Comet
    since: float
    target: Path | None = None
    held: Held = field(default_factory=Held)


def start(
    draft: Draft, settings: Config, since: float, staged: Callable[[RunFolder], None] = lambda run: None
) -> Started:
    """Prepare the target, write the run folder, and say what is about to run; `staged` may add to the folder.

    From here on no signal breaks the program off: a run that has a folder gets a record.

    Raises:
        HarnessError: the target is not ready after all, or the folder cannot be written.
    """
    draft = room.free_name(draft)
    runner = draft.prepare()
    held = Held()
    held.take()
    try:
        room.check(draft)
        draft, run = room.stage(draft)
        try:
            staged(run)
        except HarnessError:
            shutil.rmtree(run.path, ignore_errors=True)  # it has not begun
            raise
    except BaseException:
        held.restore()
        raise
    summary.announce(draft.plan, run)
    target = ROOT / settings.publish if settings.publish else None
    return Started(runner, run, draft.plan, draft.data.folder, settings.comet, since, target, held)


def conclude(started: Started, judge: Callable[[Epoch], None] = lambda epoch: None) -> int:
    """Exit code 0 where the run completed or was pruned, 1 where it failed, 3 where it runs on without this program.

    A replay is compared with its baseline: 0 where it is identical or equivalent, 1 where it is different. `judge`
    receives each epoch's numbers, and ends a run that is not worth its time by raising launch.StopEarly; whatever else
    it raises is raised when the run has its record. A signal that arrives after the training changes nothing any more:
    who does more in this program than one run calls `started.held.restore`.
    """
    started.held.take()
    signals.unblock()
    errors: list[Exception] = []

    def log_epoch(epoch: Epoch) -> None:
        tracker.log_epoch(epoch)
        try:
            if not errors:
                judge(epoch)
        except StopEarly:
            raise
        except Exception as error:  # of a callback; raised again when the run has its record
            errors.append(error)

    run, planned, comet = started.run, started.plan, started.comet
    data = (comet.artifact, data_name(planned.experiment.dataset)) if comet.artifact else None
    sent = {"model": comet.model, "register": comet.register, "artifact": data}
    tracker = Tracker(run, planned, comet.project, comet.workspace, sent=sent)
    listener = Listener(run.log, log_epoch, tracker.log_progress)
    threading.Thread(target=plots.prepare, daemon=True).start()
    ended = follow.follow(started.runner, run, started.dataset, listener, started.held.received)
    listener.close()
    if ended.detached:
        tracker.abandon()
        summary.detached(run)
        return DETACHED
    record = collect.collect(run, planned, replace(ended, last_words=listener.failure))
    with ThreadPoolExecutor(1) as beside:  # Comet's children end while this process draws
        tracking = beside.submit(tracker.finish, record)
        plots.draw(run, record, started.dataset)
        verdict = _judged(run, record, started.dataset) if planned.provenance.replays else None
        tracked = tracking.result()
    summary.summarise(record, run, str(tracked), time.monotonic() - started.since, listener.seconds_left)
    if errors:
        raise errors[0]
    if started.target is not None:
        publish.publish_run(run, record, started.target)
    if planned.provenance.replays:
        summary.report(verdict)
        return 0 if verdict and verdict.verdict != DIFFERENT else 1
    return 0 if record.status in ("completed", "pruned") else 1


def _judged(run: RunFolder, record: RunRecord, dataset: Path) -> Verdict | None:
    """The verdict on a replay.

    Raises:
        NotReady: it cannot be written.
    """
    try:
        return baseline.judge(run, record, dataset)
    except OSError as error:
        what = f"{run.verdict} cannot be written: {error.strerror or error}"
        raise NotReady(what, command=f"python src/compare.py {record.provenance.replays} {run.path.name}") from error
