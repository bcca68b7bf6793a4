"""The folder that a worker sees, laid out like /opt/ml, and every name in it."""

from dataclasses import dataclass
from pathlib import Path


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
    def models(self) -> Path:
        """The folder in which the model is left, under the name that the plan describes."""
        return self.base / "model"

    @property
    def output(self) -> Path:
        return self.base / "output" / "data"

    @property
    def config(self) -> Path:
        """The settings, as a command finds them."""
        return self.output / "config"

    @property
    def extras(self) -> Path:
        """What a command leaves beside its model and its metrics."""
        return self.output / "extras"

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
