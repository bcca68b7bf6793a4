"""A program for the tests of decisions: a linear classifier of points of three classes, which overlap."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from harness.contract.job import Job
from harness.contract.metrics import Metric
from harness.contract.program import Program, Scores
from harness.contract.rules import in_range
from harness.contract.source import Source
from harness.contract.steps import Steps


@dataclass(frozen=True)
class Settings:
    """What is trained."""

    epochs: Annotated[int, in_range(1)]
    rate: Annotated[float, in_range(0, above=True)]
    seed: Annotated[int, in_range(0, 2**32 - 1)]


def _train(settings: Settings, data: Path, job: Job) -> Steps:
    from programs.blobs import training

    return training.Training(settings, data)


def _score(model: Path, data: Path) -> Scores:
    from programs.blobs import training

    return training.score(model, data)


def _differences(old: Path, new: Path) -> list[str]:
    from programs.blobs.host import differences

    return differences.between(old, new)


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("accuracy", "higher", share=True, spread=0.004),),
    train=_train,
    score=_score,
    source=Source,
    examples="points",
    model="model.npy",
    differences=_differences,
)
