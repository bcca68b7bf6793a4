"""A grid: each combination of the values that were typed, by Hydra's own sweeper."""

from harness import console
from harness.planning import draft
from harness.runs.stored import RUNNING, StoredRun
from harness.settings.project import ROOT
from harness.settings.schema import Cloud
from harness.settings.sweeps import Job
from harness.sweep import cloud, summary
from harness.sweep.group import FINISHED, Group, Row, Train, common, digest, row_of, stopped, train


def run(jobs: list[Job], begin: Train = train) -> list[int]:
    """Run what is missing of a grid, here one after the other, in the cloud together; the exit codes, in order.

    Raises:
        HarnessError: a run cannot begin; what has finished is kept.
    """
    first = jobs[0].settings
    in_cloud = all(isinstance(job.settings.mode, Cloud) for job in jobs)
    if first.dry_run:
        for job in jobs:
            console.say(str(draft.make(jobs.shared(job.settings, len(jobs)), console.say)))
        return [0] * len(jobs)
    shared = common(first)
    name = first.sweep or digest(sorted(shared.identity(job.settings.training) for job in jobs))
    group = Group(name, ROOT / first.runs_folder, shared, len(jobs), begin)
    rows: list[Row] = []
    with group.alone():
        try:
            if in_cloud:
                rows += cloud.together(group, jobs, len(jobs))
            else:
                _here(group, jobs, rows)
        finally:
            rows += [row_of(job, group.find(job)) for job in jobs[len(rows) :]]
            summary.write(group, rows)
            summary.show(group, rows)
    return [code(row) for row in rows]


def _here(group: Group, jobs: list[Job], rows: list[Row]) -> None:
    """Fill `rows`; ends early where somebody stops a run."""
    pasts: list[StoredRun | None] = []
    for job in jobs:  # a setting of the place makes no other experiment: each job gets a run of its own
        pasts.append(group.find(job, [past.run_id for past in pasts if past]))
    there = [past is not None and past.status in FINISHED for past in pasts]
    console.say(f"sweep     {group.name}: {len(jobs)} runs, {sum(there)} of them there already")
    try:
        for number, (job, past) in enumerate(zip(jobs, pasts, strict=True), 1):
            rows.append(group.here(job, number, len(jobs) - number + 1 - sum(there[number:]), past))
            summary.write(group, rows)
            if stopped(rows[-1]):
                return
    except KeyboardInterrupt:
        return


def code(row: Row) -> int:
    """As train.py's exit codes."""
    return 0 if row.status in FINISHED else 3 if row.status == RUNNING else 1
