"""Images for tests: small JPEG files whose colour tells the class, in folders by class, and packed."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from harness.contract import identity
from harness.contract.plan import DatasetId
from harness.data import pack
from harness.settings.schema import Packing

CLASSES = ("ash", "beech", "cedar", "date")
PACKING = Packing(test=0.2, validation=0.2, shard_mb=1.0, shards=4)


def jpeg(seed: int, label: int, size: tuple[int, int] = (16, 16), **options: object) -> bytes:
    """A JPEG file of noise around the colour of a class."""
    colour = np.random.default_rng(99).integers(60, 196, (len(CLASSES), 3))[label]
    noise = np.random.default_rng(seed).integers(-60, 60, (*size[::-1], 3))
    return encoded(Image.fromarray((colour + noise).astype(np.uint8)), "JPEG", quality=90, **options)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def write_folder(folder: Path, count: int, size: tuple[int, int] = (16, 16)) -> Path:
    """`count` images in folders by class."""
    for number in range(count):
        path = folder / CLASSES[number % len(CLASSES)] / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number, number % len(CLASSES), size))
    return folder


def write_packed(folder: Path, source: Path, packing: Packing = PACKING) -> DatasetId:
    """A packed folder of the images in `source`."""
    pack.pack(source, folder, packing, skip=False, update=False, say=lambda line: None)
    return identity.identify(folder, "custom")
