"""Resume a run that was stopped or failed: its own plan, its own code, its newest checkpoint, in a new run."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.contract import bundle, legal, program
from harness.contract.errors import NotReady, SettingError
from harness.contract.plan import DatasetId, RunPlan
from harness.contract.serial import LARGEST, parse
from harness.provenance.repository import GitState
from harness.runs import checkpoints, reading
from harness.runs.run_folder import RunFolder, named, read_record
from harness.settings import check
from harness.settings.command_line import typed_settings
from harness.settings.schema import Config

FIXED = {"scale", "experiment", "program"}  # beside the program's own settings


@dataclass(frozen=True)
class Earlier:
    """The run to resume: its folder, its plan, and the code that it trained with, by path in the bundle."""

    run: RunFolder
    plan: RunPlan
    files: dict[str, bytes]

    @property
    def training(self) -> Any:
        """The settings that it trains with.

        Raises:
            SettingError: they are none of this version.
        """
        return check.section(program.load(self.plan.experiment.program).settings, self.plan.experiment.config, "")

    @property
    def state(self) -> GitState:
        """Where its code came from, as its plan says."""
        patch = self.run.patch.read_bytes() if self.run.patch.exists() else b""
        provenance = self.plan.provenance
        return GitState(provenance.git, patch, provenance.withheld, provenance.unknown)

    def check_data(self, found: DatasetId) -> None:
        """Refuse other data than the run trains on.

        Raises:
            NotReady: as it says.
        """
        planned = self.plan.experiment.dataset
        if found != planned:
            raise NotReady(
                f"resume={self.run.path.name} trains on {planned.name} {planned.hash}, "
                f"here is {found.name} {found.hash}",
                legal="the data of that run",
                command="python src/fetch.py",
            )


def refuse_settings(name: str, settings: Config) -> None:
    """A run is resumed with its own settings.

    Raises:
        SettingError: settings of the training were typed beside `resume`.
    """
    fixed = FIXED | {field.name for field in fields(settings.training)}
    if changed := sorted(typed_settings() & fixed):
        raise SettingError(
            f"resume={name} takes {', '.join(changed)} from the run: a training resumes with its own settings",
            legal="mode, comet and folders beside resume",
            command=f"python src/train.py resume={name}",
        )


def find(runs: Path, name: str, lock_hash: str) -> Earlier:
    """The run of that id or folder, if it can be resumed here. `lock_hash` is the sha256 of the training lock in use.

    Raises:
        NotReady: there is no such run, it has completed, left no checkpoint, or was made for another lock.
    """
    run = named(runs, name)
    commit = _commit(run)
    try:
        planned = run.planned()
        files = reading.code(run.code)
    except (ValueError, OSError) as error:
        raise NotReady(
            f"resume={name}: its plan or code cannot be read by this version", command=f"git checkout {commit}"
        ) from error
    if bundle.code_hash(files) != planned.experiment.code or bundle.lock_hash(files) != planned.experiment.lock:
        raise NotReady(f"resume={name}: {run.code} is not what the plan says any more", command=f"ls {runs}")
    if planned.experiment.lock != lock_hash:
        raise NotReady(
            f"resume={name}: that run was made with other libraries than requirements-train.lock names now",
            legal="the run's own lock",
            command=f"git checkout {commit} && make venv",
        )
    if _completed(run):
        raise NotReady(f"resume={name}: that run has completed", legal="a stopped or failed run")
    if not checkpoints.files(run.checkpoints):
        raise NotReady(f"resume={name}: that run left no checkpoint", command="python src/train.py")
    return Earlier(run, planned, files)


def _completed(run: RunFolder) -> bool:
    """Whether its record says so; one that cannot be read says nothing."""
    try:
        return read_record(run.record).status == "completed"
    except (OSError, ValueError):
        return False


def _commit(run: RunFolder) -> str:
    """The commit of a plan that this version may not be able to read."""
    try:
        commit = parse(reading.content(run.plan, LARGEST))["provenance"]["git"]["commit"]
    except (OSError, ValueError, KeyError, TypeError):
        commit = None
    return commit if legal.COMMIT.test(commit) else "THE_RUN'S_COMMIT"
