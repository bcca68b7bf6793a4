"""A linear classifier of scikit-learn's handwritten digits, in steps of one batch each."""

from dataclasses import dataclass
from importlib import import_module
from typing import Annotated

from harness.contract.metrics import Metric
from harness.contract.program import Program
from harness.contract.rules import in_range
from harness.contract.source import Source


@dataclass(frozen=True)
class Settings:
    """What is trained."""

    alpha: Annotated[float, in_range(0, above=True)]
    batch_size: Annotated[int, in_range(1, 1000)]
    epochs: Annotated[int, in_range(1)]
    seed: Annotated[int, in_range(0, 2**32 - 1)]


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("accuracy", "higher", share=True), Metric("loss", "lower", unit="nats")),
    train=lambda settings, data, job: import_module("programs.digits.training").Training(settings, data),
    score=lambda model, data: import_module("programs.digits.training").score(model, data),
    source=lambda: Source(sample=import_module("programs.digits.sample").SAMPLE),
    examples="digits",
    model="model.npz",
    about=lambda settings: f"linear classifier, alpha {settings.alpha:g}",
)
