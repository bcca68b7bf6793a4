"""Collect a run's outputs from the job folder, verify their digests, write the final record."""

import dataclasses
import shutil
from pathlib import Path

from harness.contract import atomic
from harness.contract import record as records
from harness.contract.plan import RunPlan
from harness.contract.record import RunRecord
from harness.contract.serial import dumps
from harness.launch.runner import Ended
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder


def collect(run: RunFolder, planned: RunPlan, ended: Ended) -> RunRecord:
    """Move the outputs to their names in the run folder, write record.json, remove the scratch.

    The worker's own record is completed with its exit code. Where there is none, where the worker died after it was
    written, or where a file is not the one that it names, the record says failed and why.
    """
    run.reserve.unlink(missing_ok=True)
    failure = ended.output / "failure"
    reason = ended.reason or (failure.read_text().strip() if failure.exists() else None)
    worker = _worker_record(ended.output / "data" / "record.json", planned)
    written = (run.metrics.name, run.predictions.name)
    for path in (ended.model / planned.description.model, *(ended.output / "data" / name for name in written)):
        if path.exists():
            shutil.move(path, run.path / path.name)
    inside = ended.output / "data" / "comet" / "state.json"
    if inside.exists() and run.comet.exists():
        shutil.move(inside, run.comet / "inside.json")
    if worker is None:
        reason = reason or f"the worker exited with {ended.exit_code} and left no record"
    elif worker.status == "completed":
        altered = [name for name, digest in worker.artifacts.items() if not _intact(run.path / name, digest)]
        reason = f"{', '.join(altered)} did not arrive as written" if altered else reason
        reason = reason or (f"the worker exited with {ended.exit_code}" if ended.exit_code else None)
    else:
        reason = reason or worker.reason
    bad = "pruned" if ended.pruned else "failed"
    status = {"status": bad, "reason": reason} if reason else {"status": "completed", "reason": None}
    final = dataclasses.replace(worker or records.of(planned), **status, exit_code=ended.exit_code, bill=ended.bill)
    atomic.write(run.record, dumps(final))
    shutil.rmtree(run.job, ignore_errors=True)
    return final


def _worker_record(path: Path, planned: RunPlan) -> RunRecord | None:
    """The worker's record; None where there is none, or a torn or foreign one."""
    try:
        record = run_folder.read_record(path)
    except (OSError, ValueError):
        return None
    return record if (record.run_id, record.experiment_id) == (planned.run_id, planned.experiment_id) else None


def _intact(path: Path, digest: str) -> bool:
    return path.exists() and atomic.sha256(path) == digest
