"""A program that is a command: a script of the standard library alone, which misbehaves on request."""

from dataclasses import dataclass
from typing import Annotated

from harness.contract.command import Command
from harness.contract.metrics import Metric
from harness.contract.program import Program, Runtime
from harness.contract.rules import in_range, one_of
from harness.contract.source import Source

BEHAVIOURS = (
    "train",
    "write no number",
    "write into its folder",
    "write beside its folder",
    "write into the data",
    "leave no model",
    "exit with 3",
    "keep the score to itself",
    "be deaf",
    "leave a process",
    "tell its environment",
)


@dataclass(frozen=True)
class Settings:
    """What is trained, and what else it does."""

    epochs: Annotated[int, in_range(1)]
    rate: Annotated[float, in_range(0, above=True)]
    shuffle: Annotated[bool, one_of(True, False)]
    pause: Annotated[float, in_range(0)]
    does: Annotated[str, one_of(*BEHAVIOURS)]
    seed: Annotated[int, in_range(0)]


class Plain(Runtime):
    """No library at all."""

    package = None
    variables: tuple[str, ...] = ("OMP_NUM_THREADS",)


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("error", "lower", unit="%"),),
    train=Command(
        ("python", "train.py"),
        judged="weights.npz",
        grace=1.0,
        metrics=(("train_loss", r"the loss is ([0-9.]+)"),),
        workers=True,
    ),
    source=Source,
    examples="points",
    model="model.json",
    runtime=Plain(),
    about=lambda settings: "a script",
)
