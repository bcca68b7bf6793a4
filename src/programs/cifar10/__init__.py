"""A ResNet of the CIFAR family on CIFAR-10 (He et al. 2015), trained with TensorFlow."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.contract.job import Job
from harness.contract.metrics import Metric
from harness.contract.program import Program, Scores
from harness.contract.source import Source
from harness.contract.steps import Steps
from harness.frameworks.tensorflow import TensorFlow
from programs.cifar10.settings import Training, check


def _train(settings: Training, data: Path, job: Job) -> Steps:
    from programs.cifar10 import training

    return training.begin(settings, data, job)


def _score(model: Path, data: Path) -> Scores:
    from programs.cifar10 import score

    return score.score(model, data)


def _source() -> Source:
    from programs.cifar10.host import published

    return published.source()


def _check_data(settings: Training, data: Path) -> None:
    from programs.cifar10 import dataset

    dataset.check(data, settings.num_data_batches, settings.validation_images, settings.batch_size)


def _plots(run: Path, data: Path) -> Iterable[tuple[str, Any]]:
    from programs.cifar10.host import plots

    return plots.worst(run, data)


def _differences(old: Path, new: Path) -> Iterable[str]:
    from programs.cifar10.host import differences

    return differences.between(old, new)


PROGRAM = Program(
    settings=Training,
    metrics=(
        # spread: ResNet-20 over five seeds, python benchmarks/seeds.py
        Metric("accuracy", "higher", share=True, spread=0.0045),
        Metric("loss", "lower", unit="nats"),
    ),
    train=_train,
    score=_score,
    source=_source,
    examples="images",
    model="model.keras",
    runtime=TensorFlow(),
    about=lambda settings: f"ResNet-{settings.resnet_size} v{settings.resnet_version}",
    check=check,
    check_data=_check_data,
    pace=("resnet_size", "resnet_version", "batch_size", "precision", "xla", "num_data_batches", "small_epochs"),
    plots=_plots,
    differences=_differences,
)
