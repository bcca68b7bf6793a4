"""Trainings of a sweep as jobs on SageMaker, side by side: finished ones are left out, running ones are followed.

They are not pruned: their epochs come late and all at once, when an instance has been paid for anyway.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace

from harness import console
from harness.cloud.aws.session import session
from harness.cloud.job import Job as CloudJob
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun
from harness.settings.project import ROOT
from harness.settings.sweeps import Job
from harness.sweep import dvc_experiments
from harness.sweep.group import FINISHED, Group, Row, has_checkpoint
from harness.sweep.jobs import burst


def together(group: Group, jobs: Sequence[Job], share: int) -> list[Row]:
    """Send what is missing, after one question, and follow all; each may cost a `share`-th of mode.max_usd.

    Raises:
        HarnessError: one of them cannot be sent.
    """
    runs: list[StoredRun | None] = []
    for job in jobs:
        runs.append(group.find(job, [run.run_id for run in runs if run]))
    to_send: list[tuple[Job, str | None]] = []
    running: list[RunFolder] = []
    for job, run in zip(jobs, runs, strict=True):
        if run is not None and run.status in FINISHED:
            console.say(f"exists    {group.row(job, run)}: {run.run_id}")
        elif run is not None and _is_running(run):
            running.append(run.folder)
        else:
            if run is not None and run.record is None and not has_checkpoint(run):  # its program was killed before
                shutil.rmtree(run.folder.path, ignore_errors=True)
            to_send.append((job, run.run_id if run and has_checkpoint(run) else None))
    if to_send or running:
        settings = [replace(job.settings, sweep=group.name) for job, _ in to_send]
        burst(settings, console.say, [unfinished for _, unfinished in to_send], running, share)
    taken: list[str] = []
    rows = []
    for job in jobs:
        run = group.find(job, taken)
        rows.append(group.row(job, run))
        if run is not None:
            dvc_experiments.show(ROOT, run)
            taken.append(run.run_id)
    return rows


def _is_running(run: StoredRun) -> bool:
    """Whether SageMaker has a job of this run whose end nobody has recorded yet."""
    if run.record is not None or not run.folder.cloud.exists():
        return False
    job = CloudJob.read(run.folder.cloud)
    return job.find(session(job.region)) is not None
