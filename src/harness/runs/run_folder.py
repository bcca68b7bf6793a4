"""The two folders of a run, and every name in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from harness.contract import atomic
from harness.contract import bundle
from harness.contract.errors import NotReady
from harness.contract.plan import RunPlan
from harness.contract.plan import dumps
from harness.contract.plan import from_json
from pathlib import Path
import json
import os
import shutil


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
    def model(self) -> Path:
        return self.path / "model.keras"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def curve(self) -> Path:
        """Without its ending: .png and .svg."""
        return self.path / "learning_curve"

    @property
    def worst(self) -> Path:
        return self.path / "worst_images.png"

    @property
    def comet(self) -> Path:
        return self.path / "comet"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def job(self) -> Path:
        """Scratch while the run goes on; what is worth keeping is moved out of it at the end."""
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
    def original(self) -> Path:
        """Of a replay: plan, record and curve of the run that it is held against, by the names of a run folder."""
        return self.path / "original"

    @property
    def verdict(self) -> Path:
        """Of a replay: whether it came to the same."""
        return self.path / "verdict.json"

    @property
    def reserve(self) -> Path:
        """Disk blocks held back, so that a full disk can still be recorded."""
        return self.path / ".reserve"

    def planned(self) -> RunPlan:
        """The plan.

        Raises:
            OSError, ValueError: it cannot be read by this version.
        """
        return from_json(RunPlan, json.loads(self.plan.read_text()))


def make_writable(runs: Path) -> None:
    """Make the folder of all runs if it is not there, and see that it can be written.

    Raises:
        NotReady: it cannot be made or written.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        probe = runs / f".write-test.{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        reason = f"runs_folder={runs} cannot be written: {error.strerror}"
        raise NotReady(reason, legal="a folder of yours", command="python src/train.py runs_folder=PATH") from error


def named(runs: Path, name: str) -> RunFolder:
    """The run of that id in `runs`, or in that folder.

    Raises:
        NotReady: there is none.
    """
    for path in (runs / name, Path(name)):
        if (path / "plan.json").exists():
            return RunFolder(path)
    raise NotReady(f"{name}: there is no such run", legal="a run's folder or id", command=f"ls {runs}")


def stage(
    runs: Path, planned: RunPlan, files: Mapping[str, bytes], patch: bytes, checkpoints: Path | None = None
) -> RunFolder:
    """A new run folder with plan, bundle and patch, complete before it gets its name.

    It gets copies of the states in `checkpoints`, to go on from.

    Raises:
        NotReady: the disk is full, or the folder exists.
    """
    try:
        with atomic.folder(runs / planned.run_id) as temporary:
            new = RunFolder(temporary)
            bundle.write(files, new.code)
            for path in (new.plan, new.code / "plan.json"):  # one for people, one that travels
                path.write_text(dumps(planned))
            if patch:
                new.patch.write_bytes(patch)
            new.checkpoints.mkdir()
            for state in checkpoints.glob("step-*.ckpt") if checkpoints else ():
                shutil.copyfile(state, new.checkpoints / state.name)
            new.reserve.write_bytes(os.urandom(RESERVE))
    except OSError as error:
        raise NotReady(f"{runs / planned.run_id} cannot be written: {error.strerror}", command="df -h .") from error
    return RunFolder(runs / planned.run_id)
