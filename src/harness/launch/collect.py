"""Collect a run's outputs from the job folder, verify their digests, write the final record."""

import contextlib
import dataclasses
import errno
import os
import shutil
from pathlib import Path

from harness.contract import atomic
from harness.contract import record as records
from harness.contract.errors import RunFailed
from harness.contract.plan import RunPlan
from harness.contract.record import RunRecord
from harness.contract.serial import dumps
from harness.launch.runner import Ended
from harness.provenance.credentials import redact
from harness.runs import reading, run_folder
from harness.runs.run_folder import RunFolder

LONGEST = 2**16  # bytes of the reason that a worker leaves
STOPPED = "stopped by SIGTERM"  # what a worker says that was asked to end


def collect(run: RunFolder, planned: RunPlan, ended: Ended) -> RunRecord:
    """Move the outputs to their names in the run folder, write record.json, remove the scratch.

    The worker's own record is completed with its exit code. Where there is none, where the worker died after it was
    written, or where a file is not the one that it names, the record says failed and why.

    Raises:
        RunFailed: the run folder is gone, or closed to this program.
    """
    try:
        final = _completed(run, planned, ended)
        _write(run, dumps(final))
    except OSError as error:
        gone = "" if os.path.lexists(run.plan) else ": it was moved, removed or closed while the run went on"
        what = f"{run.path} has no record{gone} ({error.strerror or error})"
        raise RunFailed(what, command=f"ls {run.path.parent}") from error
    shutil.rmtree(run.job, ignore_errors=True)
    return final


def _write(run: RunFolder, text: str) -> None:
    """Write record.json; on a full disk into the blocks that were held back for it, where nobody else can take them."""
    try:
        atomic.write(run.record, text)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        with run.reserve.open("r+b") as file:
            file.write(text.encode())
            file.truncate()
            os.fsync(file.fileno())
        run.reserve.replace(run.record)
    run.reserve.unlink(missing_ok=True)


def _completed(run: RunFolder, planned: RunPlan, ended: Ended) -> RunRecord:
    """The final record; what it names has been moved to its place in the run folder."""
    told = _failure(ended.output / "failure")
    reason = ended.reason or told
    if ended.reason and told and told.startswith(f"{STOPPED}; "):  # how a script took it, only the worker knows
        reason = ended.reason + told.removeprefix(STOPPED)
    worker = _worker_record(ended.output / "data" / "record.json", planned)
    written = (run.metrics.name, run.predictions.name)
    for path in (ended.model / planned.description.model, *(ended.output / "data" / name for name in written)):
        _move(path, run.path / path.name)
    _move(ended.output / "data" / "extras", run.extras)
    with contextlib.suppress(OSError):  # closed meanwhile
        for path in ended.model.glob("[!.]*"):  # what a script left beside the model
            run.extras.mkdir(exist_ok=True)
            _move(path, run.extras / path.name)
    _make_removable(run.code)
    _move(ended.output / "data" / "comet" / "state.json", run.comet / "inside.json")
    if worker is None:
        reason = reason or ended.last_words or f"the worker exited with {ended.exit_code} and left no record"
    elif worker.status == "completed":
        altered = [name for name, digest in worker.artifacts.items() if not _intact(run.path / name, digest)]
        reason = f"{', '.join(altered)} did not arrive as written" if altered else reason
        reason = reason or (f"the worker exited with {ended.exit_code}" if ended.exit_code else None)
    else:
        reason = reason or worker.reason
    reason = redact(reason, log=True) if reason else None
    bad = "pruned" if ended.pruned else "failed"
    status = {"status": bad, "reason": reason} if reason else {"status": "completed", "reason": None}
    return dataclasses.replace(worker or records.of(planned), **status, exit_code=ended.exit_code, bill=ended.bill)


def _failure(path: Path) -> str | None:
    try:
        return reading.content(path, LONGEST).decode(errors="replace").strip() or None
    except (OSError, ValueError):
        return None


def _move(path: Path, target: Path) -> None:
    """Move a file or folder that is there; of one that cannot be moved the record says that it did not arrive.

    Links and pipes stay behind: code of anyone's may have left them, and this program would follow them or wait.
    """
    with contextlib.suppress(OSError):
        if path.is_symlink() or reading.leads_out(path, path.parent):
            return
        for each in list(path.rglob("*")):
            if reading.leads_out(each, path):
                each.unlink()
        shutil.move(path, target)


def _make_removable(folder: Path) -> None:
    """A worker that was killed may have left a script's own folder read-only."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            path.chmod(path.stat().st_mode | 0o200)


def _worker_record(path: Path, planned: RunPlan) -> RunRecord | None:
    """The worker's record; None where there is none, or a torn or foreign one."""
    try:
        record = run_folder.read_record(path)
    except (OSError, ValueError):
        return None
    return record if (record.run_id, record.experiment_id) == (planned.run_id, planned.experiment_id) else None


def _intact(path: Path, digest: str) -> bool:
    with contextlib.suppress(OSError):
        return atomic.sha256(path) == digest
    return False
