"""The folder of a run and every name in it; the one door through which plans and records are read and written."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.contract import atomic, bundle, legal
from harness.contract.errors import NotReady
from harness.contract.plan import RunPlan
from harness.contract.record import RunRecord
from harness.contract.serial import LARGEST, dumps, from_json, parse
from harness.runs import checkpoints as checkpoint_files
from harness.runs import consistent, reading, schema1

RESERVE = 2**18  # bytes: more than a record and the end of a log take


@dataclass(frozen=True)
class RunFolder:
    """`runs/<run_id>/`: what a run leaves."""

    path: Path

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def code(self) -> Path:
        return self.path / "code"

    @property
    def patch(self) -> Path:
        return self.path / "changes.patch"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.csv"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def extras(self) -> Path:
        """What a script left beside its model."""
        return self.path / "extras"

    @property
    def curve(self) -> Path:
        """Without its ending: .png and .svg."""
        return self.path / "learning_curve"

    @property
    def comet(self) -> Path:
        return self.path / "comet"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def job(self) -> Path:
        """Scratch space of the running job; its outputs are moved out at the end."""
        return self.path / "job"

    @property
    def cloud(self) -> Path:
        """The job on SageMaker, where there is one."""
        return self.path / "cloud.json"

    @property
    def ended(self) -> Path:
        """SageMaker's last description of that job."""
        return self.job / "ended.json"

    @property
    def baseline(self) -> Path:
        """Of a replay: plan, record and metrics of its baseline, by the names of a run folder."""
        return self.path / "original"

    @property
    def verdict(self) -> Path:
        """Of a replay: how it compares with its baseline."""
        return self.path / "verdict.json"

    @property
    def foreign(self) -> Path:
        """Of a baseline whose code is not this repository's: whose it is."""
        return self.path / "foreign.txt"

    @property
    def reserve(self) -> Path:
        """Disk blocks held back, so that a full disk can still be recorded."""
        return self.path / ".reserve"

    def model(self, plan: RunPlan | RunRecord) -> Path:
        """The trained model, under the name that the plan describes."""
        return self.path / plan.description.model

    def planned(self) -> RunPlan:
        """The plan; raises as `read_plan` does."""
        return read_plan(self.plan)


def read_plan(path: Path) -> RunPlan:
    """A plan of any schema.

    Raises:
        OSError, ValueError: it cannot be read by this version.
    """
    return from_json(RunPlan, schema1.upgrade_plan(parse(reading.content(path, LARGEST))))


def read_record(path: Path) -> RunRecord:
    """A record of any schema.

    Raises:
        OSError, ValueError: it cannot be read by this version, or contradicts itself.
    """
    record = from_json(RunRecord, schema1.upgrade_record(parse(reading.content(path, LARGEST))))
    if reason := consistent.contradiction(record):
        raise ValueError(f"its record contradicts itself: {reason}")
    return record


def plan_text(plan: RunPlan) -> str:
    """The text of plan.json, in the schema that the plan's worker reads."""
    return dumps(schema1.downgrade_plan(plan) if plan.schema == schema1.FIRST else plan)


def ids(runs: Path) -> list[str]:
    """The names of the run folders in `runs`, sorted: not of what a killed program left under a temporary name."""
    return [name for name in sorted(_names(runs)) if os.path.lexists(f"{runs}/{name}/plan.json")]


def _names(runs: Path) -> list[str]:
    try:
        return [name for name in os.listdir(runs) if not name.startswith(".")]
    except OSError:
        return []


def last(runs: Path) -> str | None:
    """The run that was made last: by the time in its name, unless that is yet to come, and then by its plan's."""
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"

    def second(name: str) -> str:
        made = name.partition("-")[0]
        return made if made <= now else ""

    def written(name: str) -> tuple[int, str]:
        try:
            return os.lstat(f"{runs}/{name}/plan.json").st_mtime_ns, name
        except OSError:  # it was removed meanwhile
            return 0, name

    for _, names in itertools.groupby(sorted(_names(runs), key=second, reverse=True), second):
        if whole := [name for name in names if os.path.lexists(f"{runs}/{name}/plan.json")]:
            return max(whole, key=written)
    return None


def named(runs: Path, name: str) -> RunFolder:
    """The run of that id in `runs`, or in that folder.

    Raises:
        NotReady: there is none.
    """
    for path in (runs / name, Path(name)) if name else ():
        with contextlib.suppress(OSError):  # a name that is too long
            if (path / "plan.json").exists():
                return RunFolder(path)
    what = f"{legal.spelled(name[:100])!r}: there is no such run"
    raise NotReady(what, legal="a run's folder or id", command=f"ls {runs}")


def stage(
    runs: Path, plan: RunPlan, files: Mapping[str, bytes], patch: bytes, checkpoints: Path | None = None
) -> RunFolder:
    """A new run folder with plan, bundle and patch, complete before it gets its name.

    It gets copies of the checkpoints in `checkpoints`, to resume from.

    Raises:
        NotReady: the disk is full, or the folder exists.
    """
    try:
        with atomic.folder(runs / plan.run_id) as temporary:
            run = RunFolder(temporary)
            bundle.write(files, run.code)
            for path in (run.plan, run.code / "plan.json"):  # one for people, one that travels
                path.write_text(plan_text(plan))
            if patch:
                run.patch.write_bytes(patch)
            checkpoint_files.copy(checkpoints, run.checkpoints)
            run.reserve.write_bytes(os.urandom(RESERVE))
    except OSError as error:
        raise NotReady(f"{runs / plan.run_id} cannot be written: {error.strerror or error}", command="df -h .") from error
    return RunFolder(runs / plan.run_id)
