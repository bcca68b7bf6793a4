"""A plain PyTorch script, which knows nothing of this project; its libraries are its own lock's."""

import random
from dataclasses import dataclass
from typing import Annotated

from harness.contract.command import Command
from harness.contract.metrics import Metric
from harness.contract.program import Program, Runtime
from harness.contract.rules import in_range
from harness.contract.source import made


@dataclass(frozen=True)
class Settings:
    """What follows `python train.py` as --name value."""

    width: Annotated[int, in_range(1, 4096)]
    learning_rate: Annotated[float, in_range(0, above=True)]
    batch_size: Annotated[int, in_range(1)]
    epochs: Annotated[int, in_range(1, 1000)]
    seed: Annotated[int, in_range(0, 2**31 - 1)]


class Torch(Runtime):
    """PyTorch; the script loads it, the worker does not."""

    package: str | None = "torch"


def _rings() -> dict[str, str]:
    draw = random.Random(0).random  # the same on every machine: no mathematics but sums and products
    points = [(draw() * 2 - 1, draw() * 2 - 1) for _ in range(1200)]
    lines = [f"{x:.6f},{y:.6f},{int(0.25 < x * x + y * y < 0.7)}\n" for x, y in points]
    return {"train.csv": "".join(lines[:900]), "test.csv": "".join(lines[900:])}


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("accuracy", "higher", share=True), Metric("loss", "lower", unit="nats")),
    train=Command(("python", "train.py")),
    source=lambda: made("rings", "f246e66fa5440e2ddf2d92a0db2667fc.dir", _rings),
    examples="points",
    model="model.pt",
    runtime=Torch(),
    about=lambda settings: f"PyTorch, {settings.width} units",
)
