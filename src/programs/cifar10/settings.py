"""The settings of the CIFAR-10 ResNet: names, types and legal values. Every default lives in conf/."""

from dataclasses import dataclass
from typing import Annotated

from harness.contract.errors import SettingError
from harness.contract.rules import Rule, in_range, one_of

DEPTHS = range(8, 1203, 6)  # 6n+2; He et al. 2015 go from n=3 to n=200


def nearest_depth(value: object) -> int:
    return min(DEPTHS, key=lambda depth: abs(depth - value)) if isinstance(value, int | float) else 20


@dataclass(frozen=True)
class Recipe:
    """How a ResNet of the family is trained, on whatever images."""

    resnet_size: Annotated[int, Rule("6n+2 from 8 to 1202: 8, 14, 20, 26, 32, …", DEPTHS.__contains__, nearest_depth)]
    resnet_version: Annotated[int, one_of(1, 2)]
    epochs: Annotated[int, in_range(1)]
    batch_size: Annotated[int, in_range(1)]
    learning_rate: Annotated[float, in_range(0, above=True)]
    schedule: Annotated[str, one_of("constant", "linear", "cosine", "step")]
    warmup_epochs: Annotated[float, in_range(0)]
    optimizer: Annotated[str, one_of("sgd", "muon")]
    muon_rate: Annotated[float, in_range(0, above=True)]
    momentum: Annotated[float, in_range(0, 1, below=True)]
    nesterov: Annotated[bool, one_of(True, False)]
    weight_decay: Annotated[float, in_range(0)]
    label_smoothing: Annotated[float, in_range(0, 1, below=True)]
    augment: Annotated[bool, one_of(True, False)]
    crop: Annotated[int, in_range(0, 16)]
    alternate_flips: Annotated[bool, one_of(True, False)]
    precision: Annotated[str, one_of("float32", "tensorfloat32", "bfloat16")]
    xla: Annotated[bool, one_of(True, False)]
    sync_batch_norm: Annotated[bool, one_of(True, False)]
    seed: Annotated[int, in_range(0, 2**32 - 1)]


@dataclass(frozen=True)
class Training(Recipe):
    """What is trained: the scalars that, with data, code and lock, make an experiment."""

    small_epochs: Annotated[float, in_range(0)]
    small_resolution: Annotated[int, one_of(8, 12, 16, 20, 24, 28, 32)]
    num_data_batches: Annotated[int, in_range(1, 5)]
    validation_images: Annotated[int, in_range(1)]
    width = 16  # channels of the first stage: the papers', and no setting


def check(settings: Recipe, workers: int) -> None:
    """Refuse settings that do not go together.

    Raises:
        SettingError: names both settings.
    """
    command = "python src/train.py"
    if settings.batch_size % workers:
        raise SettingError(
            f"batch_size={settings.batch_size} does not go into mode.instance_count={workers} equal parts",
            legal=f"multiples of {workers}",
            command=f"{command} batch_size={workers * max(1, settings.batch_size // workers)}",
        )
    if settings.xla and workers > 1:
        raise SettingError(
            f"xla=true cannot compile a step that mode.instance_count={workers} workers share",
            legal="xla=false, or one instance",
            command=f"{command} xla=false",
        )
    for name in ("warmup_epochs", "small_epochs"):
        if getattr(settings, name) > settings.epochs:
            raise SettingError(
                f"{name}={getattr(settings, name)} is longer than epochs={settings.epochs}",
                legal=f"0 to {settings.epochs}",
                command=f"{command} epochs={settings.epochs} {name}={settings.epochs / 10:g}",
            )
