"""Room for a run: a name that is free and a disk that can hold it, before anything begins."""

import dataclasses
import errno
import shutil
from datetime import UTC, datetime, timedelta

from harness.contract.errors import NotReady
from harness.planning.draft import Draft
from harness.runs import checkpoints
from harness.runs.run_folder import RESERVE, RunFolder

STAMP = "%Y%m%dT%H%M%SZ"  # how the id of a run begins
TAKEN = (errno.EEXIST, errno.ENOTEMPTY)
ATTEMPTS = 100  # equal runs that begin at the same time


def check(draft: Draft) -> None:
    """Refuse a disk that has no room for the run folder, its reserve, and as much again for what the run writes.

    Raises:
        NotReady: as it says.
    """
    resumed = sum(path.stat().st_size for path in checkpoints.files(draft.checkpoints)) if draft.checkpoints else 0
    needed = sum(map(len, draft.files.values())) + len(draft.patch) + 2 * RESERVE + 2 * resumed
    free = shutil.disk_usage(draft.runs).free
    if free < needed:
        what = f"{draft.runs} has {free // 1000} kB free, and a run begins with {needed // 1000}"
        raise NotReady(what, command=f"df -h {draft.runs}")


def stage(draft: Draft) -> tuple[Draft, RunFolder]:
    """Write the run folder, under the next free name where another program has just taken this one.

    Raises:
        NotReady: it cannot be written.
    """
    for _ in range(ATTEMPTS):
        try:
            return draft, draft.stage()
        except NotReady as error:
            if not (isinstance(error.__cause__, OSError) and error.__cause__.errno in TAKEN):
                raise
            draft = _later(draft)
    raise NotReady(f"{draft.runs} has too many runs of one second", command="the same again")


def free_name(draft: Draft) -> Draft:
    """The draft, named after the next second of which no run is there: runs sort in the order in which they begin."""
    there = {path.name.partition("-")[0] for path in draft.runs.glob("*")}
    while draft.plan.run_id.partition("-")[0] in there:
        draft = _later(draft)
    return draft


def _later(draft: Draft) -> Draft:
    plan = draft.plan
    stamp, _, identity = plan.run_id.partition("-")
    later = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
    return dataclasses.replace(draft, plan=dataclasses.replace(plan, run_id=f"{later:{STAMP}}-{identity}"))
