"""A program for the harness's own tests: logistic regression in NumPy, in milliseconds, judged by an error rate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from harness.contract.job import Job
from harness.contract.metrics import Metric
from harness.contract.program import Program, Scores
from harness.contract.rules import in_range
from harness.contract.source import Sample, Source
from harness.contract.steps import Steps
from programs.tiny.together import Together


@dataclass(frozen=True)
class Settings:
    """What is trained."""

    epochs: Annotated[int, in_range(1)]
    rate: Annotated[float, in_range(0, above=True)]
    batch: Annotated[int, in_range(1, 100)]
    pause: Annotated[float, in_range(0)]
    seed: Annotated[int, in_range(0, 2**32 - 1)]


def _train(settings: Settings, data: Path, job: Job) -> Steps:
    from programs.tiny import training

    return training.Training(settings, data, job)


def _score(model: Path, data: Path) -> Scores:
    from programs.tiny import training

    return training.score(model, data)


def _write(folder: Path) -> Any:
    from programs.tiny.host import sample

    return sample.write(folder)


def _source() -> Source:
    from programs.tiny.host import sample

    return Source(sample=Sample(sample.NAME, sample.HASH, _write, "SAMPLE DATA: two clouds of points"))


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("error", "lower", unit="%"), Metric("loss", "lower", unit="nats")),
    train=_train,
    score=_score,
    source=_source,
    examples="points",
    model="model.npy",
    runtime=Together(),
    about=lambda settings: f"logistic regression, batches of {settings.batch}",
)
