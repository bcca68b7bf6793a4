"""Start a drafted run, follow it to completion, and publish what it left: plots, Comet, DVC, console."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.contract.plan import RunPlan
from harness.evidence import baseline
from harness.evidence.verdict import DIFFERENT
from harness.finish import plots, publish, summary
from harness.launch import collect, follow
from harness.launch.listener import Listener
from harness.launch.runner import Runner
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
    it is published to.
    """

    runner: Runner
    run: RunFolder
    plan: RunPlan
    dataset: Path
    comet: Comet
    since: float
    target: Path | None = None


def start(
    draft: Draft, settings: Config, since: float, staged: Callable[[RunFolder], None] = lambda run: None
) -> Started:
    """Prepare the target, write the run folder, and say what is about to run; `staged` may add to the folder.

    Raises:
        HarnessError: the target is not ready after all, or the folder cannot be written.
    """
    runner = draft.prepare()
    run = draft.stage()
    staged(run)
    summary.announce(draft.plan, run)
    target = ROOT / settings.publish if settings.publish else None
    return Started(runner, run, draft.plan, draft.data.folder, settings.comet, since, target)


def conclude(started: Started, judge: Callable[[Epoch], None] = lambda epoch: None) -> int:
    """Exit code 0 where the run completed or was pruned, 1 where it failed, 3 where it runs on without this program.

    A replay is compared with its baseline: 0 where it is identical or equivalent, 1 where it is different. `judge`
    receives each epoch's numbers, and ends a run that is not worth its time by raising launch.StopEarly.
    """

    def log_epoch(epoch: Epoch) -> None:
        tracker.log_epoch(epoch)
        judge(epoch)

    run, planned, comet = started.run, started.plan, started.comet
    tracker = Tracker(run, planned, comet.project, comet.workspace)
    listener = Listener(run.log, log_epoch)
    threading.Thread(target=plots.prepare, daemon=True).start()
    ended = follow.follow(started.runner, run, started.dataset, listener)
    listener.close()
    if ended.detached:
        tracker.abandon()
        summary.detached(run)
        return DETACHED
    record = collect.collect(run, planned, ended)
    with ThreadPoolExecutor(1) as beside:  # Comet's children end while this process draws
        tracking = beside.submit(tracker.finish, record)
        plots.draw(run, record, started.dataset)
        verdict = baseline.judge(run, record) if planned.provenance.replays else None
        tracked = tracking.result()
    if started.target is not None:
        publish.publish_run(run, record, started.target)
    summary.summarise(record, run, str(tracked), time.monotonic() - started.since)
    if planned.provenance.replays:
        summary.report(verdict)
        return 0 if verdict and verdict.verdict != DIFFERENT else 1
    return 0 if record.status in ("completed", "pruned") else 1
