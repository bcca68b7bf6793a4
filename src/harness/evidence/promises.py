"""What a plan or record says of the promises that were tested. Standard library only."""

from collections.abc import Sequence

from harness.contract.plan import Promise, RunPlan
from harness.contract.record import RunRecord

REPLAY, RESUME, WORKERS = "replay", "resume", "workers"
PROVEN, BROKEN, NOT_OFFERED, UNKNOWN = "proven", "broken", "not offered", "unknown"


def status(promises: Sequence[Promise], name: str, where: str | None) -> str:
    """What is known of a promise on a fingerprint; `where` is None for any: then the worst that was found."""
    known = {each.status for each in promises if each.name == name and where in (None, each.fingerprint)}
    return next((each for each in (BROKEN, NOT_OFFERED, PROVEN) if each in known), UNKNOWN)


def shown(run: RunPlan | RunRecord, name: str) -> str:
    """What was known of a promise of a run's code when it was planned; of a record, on the fingerprint that it had."""
    where = fingerprint(run) if isinstance(run, RunRecord) and run.environment else None
    return status(run.provenance.promises, name, where)


def fingerprint(record: RunRecord) -> str:
    """Of the environment in which a run trained."""
    return str((record.environment or {}).get("fingerprint"))
