"""A program that misbehaves on request: for what the launchers do about a worker that hangs, dies or will not stop."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from harness.contract.job import Job
from harness.contract.metrics import Metric
from harness.contract.program import Program, Scores
from harness.contract.rules import in_range, one_of
from harness.contract.source import Source
from harness.contract.steps import Steps

BEHAVIOURS = (
    "train",
    "wait",
    "raise",
    "exit",
    "be killed",
    "crash",
    "be deaf",
    "complete when stopped",
    "close its output",
    "leave a process",
    "make noise",
    "talk",
)


@dataclass(frozen=True)
class Settings:
    """What it does in its first step; where that is to wait, for a minute."""

    does: Annotated[str, one_of(*BEHAVIOURS)]
    seed: Annotated[int, in_range(0)]


def _train(settings: Settings, data: Path, job: Job) -> Steps:
    from programs.unruly import training

    return training.Training(settings, data)


def _score(model: Path, data: Path) -> Scores:
    raise NotImplementedError


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("error", "lower"),),
    train=_train,
    score=_score,
    source=Source,
    examples="points",
    model="model.npy",
)
