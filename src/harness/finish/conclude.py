"""Follow a started run to completion, collect its outputs, and publish them: plots, Comet, DVC, console."""

import time
from collections.abc import Callable
from pathlib import Path

from harness.contract.plan import RunPlan
from harness.evidence import baseline
from harness.evidence.verdict import DIFFERENT
from harness.finish import plots, publish, summary
from harness.launch import collect, follow
from harness.launch.listener import Listener
from harness.launch.runner import Runner
from harness.runs.run_folder import RunFolder
from harness.settings.schema import Comet
from harness.tracking.tracker import Tracker

DETACHED = 3  # exit code
Epoch = dict[str, float]


def conclude(
    runner: Runner,
    run: RunFolder,
    planned: RunPlan,
    dataset: Path,
    comet: Comet,
    target: Path | None,
    started: float,
    judge: Callable[[Epoch], None] = lambda epoch: None,
) -> int:
    """Exit code 0 where the run completed or was pruned, 1 where it failed, 3 where it runs on without this program.

    A replay is compared with its baseline: 0 where it is identical or equivalent, 1 where it is different.

    Args:
        target: a folder that is published to.
        started: the monotonic time since which the run counts.
        judge: receives each epoch's numbers, and ends a run that is not worth its time by raising launch.StopEarly.
    """

    def log_epoch(epoch: Epoch) -> None:
        tracker.log_epoch(epoch)
        judge(epoch)

    tracker = Tracker(run, planned, comet.project, comet.workspace)
    listener = Listener(run.log, log_epoch)
    ended = follow.follow(runner, run, dataset, listener)
    listener.close()
    if ended.detached:
        tracker.abandon()
        summary.detached(run)
        return DETACHED
    record = collect.collect(run, planned, ended)
    plots.draw(run, record, dataset)
    verdict = baseline.judge(run, record) if planned.provenance.replays else None
    tracked = tracker.finish(record)
    if target is not None:
        publish.publish_run(run, record, target)
    summary.summarise(record, run, str(tracked), time.monotonic() - started)
    if planned.provenance.replays:
        summary.report(verdict)
        return 0 if verdict and verdict.verdict != DIFFERENT else 1
    return 0 if record.status in ("completed", "pruned") else 1
