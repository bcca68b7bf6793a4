"""A program whose order of points depends on the number of workers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from harness.contract.job import Job
from harness.contract.metrics import Metric
from harness.contract.program import Program
from harness.contract.rules import in_range
from harness.contract.source import Sample, Source
from harness.contract.steps import Steps
from programs.broken_order.apart import Apart


@dataclass(frozen=True)
class Settings:
    """What is trained."""

    epochs: Annotated[int, in_range(1)]
    seed: Annotated[int, in_range(0, 2**32 - 1)]


def _train(settings: Settings, data: Path, job: Job) -> Steps:
    from programs.broken_order import training

    return training.Training(settings, data, job)


def _write(folder: Path) -> Any:
    from programs.broken_order import sample

    return sample.write(folder)


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("loss", "lower"),),
    train=_train,
    source=lambda: Source(sample=Sample("line", "3ccfa5a12b678a53f8b6d35006522905.dir", _write, real=True)),
    examples="points",
    model="model.npy",
    runtime=Apart(),
)
