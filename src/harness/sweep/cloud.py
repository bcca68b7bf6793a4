"""Trainings of a sweep as jobs on SageMaker, side by side: those that are there are left out, those that go on kept.

They are not pruned: their epochs come late and all at once, when an instance has been paid for anyway.
"""

from collections.abc import Sequence
from dataclasses import replace

from harness import console
from harness.cloud.aws.account import session
from harness.cloud.job import Job as Sent
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun
from harness.settings.project import ROOT
from harness.settings.sweeps import Job
from harness.sweep import dvc_experiments
from harness.sweep.group import FINISHED, Group, Row, row_of


def together(group: Group, jobs: Sequence[Job], share: int) -> list[Row]:
    """Send what is missing, after one question, and follow all; each may cost a `share`-th of mode.max_usd.

    Raises:
        HarnessError: one of them cannot be sent.
    """
    pasts: list[StoredRun | None] = []
    for job in jobs:
        pasts.append(group.find(job, [past.run_id for past in pasts if past]))
    to_send: list[tuple[Job, str | None]] = []
    going: list[RunFolder] = []
    for job, past in zip(jobs, pasts, strict=True):
        if past is not None and past.status in FINISHED:
            console.say(f"there     {row_of(job, past)}: {past.run_id}")
        elif past is not None and _goes_on(past):
            going.append(past.folder)
        else:
            states = past is not None and any(past.folder.checkpoints.glob("step-*.ckpt"))
            to_send.append((job, past.run_id if past and states else None))
    if to_send or going:
        settings = [replace(job.settings, sweep=group.name) for job, _ in to_send]
        jobs.burst(settings, console.say, [begun for _, begun in to_send], going, share)
    taken: list[str] = []
    rows = []
    for job in jobs:
        past = group.find(job, taken)
        rows.append(row_of(job, past))
        if past is not None:
            dvc_experiments.show(ROOT, past)
            taken.append(past.run_id)
    return rows


def _goes_on(past: StoredRun) -> bool:
    """Whether SageMaker has a job of this run whose end nobody has recorded yet."""
    if past.record is not None or not past.folder.cloud.exists():
        return False
    job = Sent.read(past.folder.cloud)
    return job.find(session(job.region)) is not None
