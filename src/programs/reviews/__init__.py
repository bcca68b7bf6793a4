"""A classifier of short reviews, trained by Keras's own `fit`: a step of the harness is an epoch of Keras."""

from dataclasses import dataclass
from importlib import import_module
from typing import Annotated

from harness.contract.metrics import Metric
from harness.contract.program import Program
from harness.contract.rules import in_range
from harness.frameworks.tensorflow import TensorFlow


@dataclass(frozen=True)
class Settings:
    dropout: Annotated[float, in_range(0, 1, below=True)]
    learning_rate: Annotated[float, in_range(0, above=True)]
    batch_size: Annotated[int, in_range(1)]
    epochs: Annotated[int, in_range(1)]
    seed: Annotated[int, in_range(0, 2**31 - 1)]


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("accuracy", "higher", share=True), Metric("loss", "lower", unit="nats")),
    train=lambda settings, data, job: import_module("programs.reviews.training").Training(settings, data),
    source=lambda: import_module("programs.reviews.texts").SOURCE,
    examples="reviews",
    model="model.keras",
    runtime=TensorFlow(),
)
