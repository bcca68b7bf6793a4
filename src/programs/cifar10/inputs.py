"""What the step is fed with: the order of the images, and the statistics of their pixels."""

from typing import TYPE_CHECKING

import numpy as np

from harness.worker import randomness

if TYPE_CHECKING:
    pass
from programs.cifar10.step import Array


def order(seed: int, epoch: int, images: int) -> Array:
    """The order in which an epoch takes the images: a permutation, int64 [images]."""
    return randomness.stream(seed, "order", epoch).permutation(images)


def pixel_statistics(images: Array) -> tuple[Array, Array]:
    """Mean and standard deviation per channel of uint8 [n, height, width, 3], in pixel units, float32 [3].

    Integer sums: exact on every machine. A channel that hardly varies is divided by 1.
    """
    counts = np.stack([np.bincount(images[..., channel].ravel(), minlength=256) for channel in range(3)])
    values, total = np.arange(256), counts.sum(1)
    mean = counts @ values / total
    variance = counts @ values**2 / total - mean**2
    return mean.astype(np.float32), np.sqrt(np.maximum(variance, 1.0)).astype(np.float32)
