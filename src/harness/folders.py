"""The two folders of a run, and every name in them."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import atomic, bundle
from harness.errors import PreparePlace
from harness.plan import RunPlan, dumps, from_json

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


@dataclass(frozen=True)
class JobFolder:
    """What the worker sees, laid out as SageMaker lays out /opt/ml."""

    base: Path

    @property
    def code(self) -> Path:
        return self.base / "input" / "data" / "code"

    @property
    def dataset(self) -> Path:
        return self.base / "input" / "data" / "dataset"

    @property
    def plan(self) -> Path:
        """Beside the code; on SageMaker, where many runs share one copy of the code, in a channel of its own."""
        channel = self.base / "input" / "data" / "plan" / "plan.json"
        return channel if channel.exists() else self.code / "plan.json"

    @property
    def companion(self) -> Path:
        """Code that travels beside the bundle, where some does: what logs to Comet from inside."""
        return self.base / "input" / "data" / "companion"

    @property
    def comet(self) -> Path:
        """What that code leaves."""
        return self.output / "comet"

    @property
    def model(self) -> Path:
        return self.base / "model" / "model.keras"

    @property
    def output(self) -> Path:
        return self.base / "output" / "data"

    @property
    def record(self) -> Path:
        return self.output / "record.json"

    @property
    def metrics(self) -> Path:
        return self.output / "metrics.csv"

    @property
    def predictions(self) -> Path:
        return self.output / "predictions.csv"

    @property
    def resources(self) -> Path:
        """SageMaker's list of the job's hosts."""
        return self.base / "input" / "config" / "resourceconfig.json"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "failure"

    @property
    def checkpoints(self) -> Path:
        """SageMaker mounts /opt/ml/checkpoints; its local mode does not, and there the folder comes as a channel."""
        channel = self.base / "input" / "data" / "checkpoints"
        return channel if channel.exists() else self.base / "checkpoints"


def make_writable(runs: Path) -> None:
    """Make the folder of all runs if it is not there, and see that it can be written.

    Raises:
        PreparePlace: it cannot be made or written.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        probe = runs / f".write-test.{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        reason = f"runs_folder={runs} cannot be written: {error.strerror}"
        raise PreparePlace(reason, legal="a folder of yours", command="python src/train.py runs_folder=PATH") from error


def named(runs: Path, name: str) -> RunFolder:
    """The run of that id in `runs`, or in that folder.

    Raises:
        PreparePlace: there is none.
    """
    for path in (runs / name, Path(name)):
        if (path / "plan.json").exists():
            return RunFolder(path)
    raise PreparePlace(f"{name}: there is no such run", legal="a run's folder or id", command=f"ls {runs}")


def stage(
    runs: Path, planned: RunPlan, files: Mapping[str, bytes], patch: bytes, checkpoints: Path | None = None
) -> RunFolder:
    """A new run folder with plan, bundle and patch, complete before it gets its name.

    It gets copies of the states in `checkpoints`, to go on from.

    Raises:
        PreparePlace: the disk is full, or the folder exists.
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
        raise PreparePlace(f"{runs / planned.run_id} cannot be written: {error.strerror}", command="df -h .") from error
    return RunFolder(runs / planned.run_id)
