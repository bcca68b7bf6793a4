"""A grid: each combination of the values that were typed, by Hydra's own sweeper."""

from harness import console
from harness.contract.errors import SettingError
from harness.planning import draft
from harness.runs.stored import RUNNING, StoredRun
from harness.settings.project import ROOT
from harness.settings.schema import Cloud
from harness.settings.sweeps import Job
from harness.sweep import cloud, summary
from harness.sweep.group import FINISHED, Group, Row, Train, common, digest, stopped, train
from harness.sweep.jobs import with_share


def run(jobs: list[Job], begin: Train = train) -> list[int]:
    """Run what is missing of a grid, here one after the other, in the cloud together; the exit codes, in order.

    Raises:
        HarnessError: a run cannot begin; what has finished is kept.
    """
    first = jobs[0].settings
    in_cloud = all(isinstance(job.settings.mode, Cloud) for job in jobs)
    if first.dry_run:
        for job in jobs:
            console.say(str(draft.make(with_share(job.settings, len(jobs)), console.say)))
        return [0] * len(jobs)
    if len(programs := sorted({job.settings.program for job in jobs})) > 1:
        raise SettingError(f"program={','.join(programs)}: a sweep has one program", legal="a sweep of each")
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
            rows += [group.row(job, group.find(job)) for job in jobs[len(rows) :]]
            summary.write(group, rows)
            summary.show(group, rows)
    return [code(row, jobs[0].settings.detach) for row in rows]


def _here(group: Group, jobs: list[Job], rows: list[Row]) -> None:
    """Fill `rows`; ends early where somebody stops a run."""
    runs: list[StoredRun | None] = []
    for job in jobs:  # a setting of the placement makes no other experiment: each job gets a run of its own
        runs.append(group.find(job, [run.run_id for run in runs if run]))
    finished = [run is not None and run.status in FINISHED for run in runs]
    console.say(f"sweep     {group.name}: {len(jobs)} runs, {sum(finished)} of them exist already")
    try:
        for number, (job, run) in enumerate(zip(jobs, runs, strict=True), 1):
            rows.append(group.here(job, number, len(jobs) - number + 1 - sum(finished[number:]), run))
            summary.write(group, rows)
            if stopped(rows[-1]):
                return
    except KeyboardInterrupt:
        return


def code(row: Row, detach: bool = False) -> int:
    """As train.py's exit codes; `detach`: one that runs on was meant to."""
    return 0 if row.status in FINISHED or (detach and row.status == RUNNING) else 3 if row.status == RUNNING else 1
