"""The settings of a ResNet on packed images: CIFAR-10's recipe, and the sizes. Every default lives in conf/."""

from dataclasses import dataclass
from typing import Annotated

from harness.contract.errors import SettingError
from harness.contract.rules import Rule, in_range
from programs.cifar10 import settings as family
from programs.cifar10.settings import Recipe

DECODER = "tensorflow INTEGER_ACCURATE"  # in the fingerprint: what decodes JPEG files, and how
SIDES = range(8, 1025, 4)


def _nearest(value: object) -> int:
    return min(SIDES, key=lambda side: abs(side - value)) if isinstance(value, int | float) else 64


@dataclass(frozen=True)
class Settings(Recipe):
    """What is trained."""

    image_size: Annotated[int, Rule("a multiple of 4 from 8 to 1024", SIDES.__contains__, _nearest)]
    width: Annotated[int, in_range(1, 1024)]
    small_epochs = 0.0  # no progressive resizing
    small_resolution = 8


def check(settings: Settings, workers: int) -> None:
    """Refuse settings that do not go together.

    Raises:
        SettingError: names both settings.
    """
    family.check(settings, workers)
    if settings.crop >= settings.image_size // 2:
        raise SettingError(
            f"crop={settings.crop} is too much for image_size={settings.image_size}",
            legal=f"0 to {settings.image_size // 2 - 1}",
            command=f"python src/train.py crop={settings.image_size // 8}",
        )
