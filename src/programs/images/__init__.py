"""A ResNet of the CIFAR family on any images that python src/pack.py has packed, trained with TensorFlow."""

from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType

from harness.contract.job import Job
from harness.contract.metrics import Metric
from harness.contract.program import Program, Scores
from harness.contract.source import Source
from harness.contract.steps import Steps
from harness.frameworks.tensorflow import TensorFlow
from programs.images.settings import DECODER, Settings, check


class Decoding(TensorFlow):
    """TensorFlow with its own decoder of images: another one gives other pixels."""

    chosen = MappingProxyType({"decoder": DECODER})


def _train(settings: Settings, data: Path, job: Job) -> Steps:
    from programs.images import training

    return training.begin(settings, data, job)


def _score(model: Path, data: Path) -> Scores:
    from programs.images import score

    return score.score(model, data)


def _check_data(settings: Settings, data: Path) -> None:
    from programs.images import dataset

    dataset.check(data, settings.batch_size)


def _differences(old: Path, new: Path) -> Iterable[str]:
    from programs.images.host import differences

    return differences.between(old, new)


PROGRAM = Program(
    settings=Settings,
    metrics=(Metric("accuracy", "higher", share=True), Metric("loss", "lower", unit="nats")),
    train=_train,
    score=_score,
    source=Source,
    examples="images",
    model="model.keras",
    runtime=Decoding(),
    about=lambda settings: f"ResNet-{settings.resnet_size} v{settings.resnet_version} on {settings.image_size} px",
    check=check,
    check_data=_check_data,
    pace=("resnet_size", "resnet_version", "width", "image_size", "batch_size", "precision", "xla"),
    differences=_differences,
    verifies=True,
)
