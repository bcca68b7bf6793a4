"""What a step is fed with: the training images on the device, their order, and a step's batch of them."""

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from harness.worker import randomness
from programs.cifar10 import augment

if TYPE_CHECKING:
    from programs.cifar10.dataset import Dataset
    from programs.cifar10.settings import Training

Tensor = Any  # TensorFlow ships no types
Array = np.ndarray[Any, Any]
PIXELS = 32  # height and width of an image


class Inputs:
    """The training images, in an order that is a function of (seed, epoch). `pixels` is their height and width.

    TensorFlow keeps int32 variables and constants in the host's memory, where no GPU finds them: here are others.
    """

    pixels = PIXELS
    streams = False  # whether each step has to be prepared on the host

    def __init__(self, config: "Training", data: "Dataset", replicas: int) -> None:
        self.config, self.replicas, self.images = config, replicas, len(data.train_images)
        self.steps_per_epoch = self.images // config.batch_size
        self.mean, self.std = pixel_statistics(data.train_images)
        self._pixels, self._labels = tf.constant(data.train_images), tf.constant(data.train_labels, tf.int64)
        self._coins = tf.constant(randomness.stream(config.seed, "coin").integers(0, 2, self.images) == 1)
        self._order = tf.Variable(tf.range(self.images, dtype=tf.int64), trainable=False)

    def begin(self, epoch: int) -> None:
        """Take the order of an epoch (from 0)."""
        self._order.assign(order(self.config.seed, epoch, self.images))

    def prepare(self, step: int) -> None:
        """Have the step's batch where the step finds it: here they all are."""

    def batch(self, step: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
        """This replica's part of the step's batch: what an image looks like does not depend on who takes it.

        Images [n, resolution, resolution, 3] in the training's precision, labels int64 [n].
        """
        config, size = self.config, self.config.batch_size
        part = size // self.replicas
        at = tf.distribute.get_replica_context().replica_id_in_sync_group * part if self.replicas > 1 else 0
        first = (step % self.steps_per_epoch) * size
        rows = tf.slice(self._order.read_value(), [first + tf.cast(at, tf.int64)], [part])
        images = self.normalised(tf.gather(self._pixels, rows))
        if config.augment:
            drawn = augment.draw(config.seed, step, size, config.crop)
            down, right, flip = (each[at : at + part] for each in drawn)
            if config.alternate_flips:
                flip = augment.alternate(tf.gather(self._coins, rows), step // self.steps_per_epoch)
            images = augment.crop_and_flip(images, down, right, flip, config.crop)
        if resolution < PIXELS:
            images = tf.image.resize(images, [resolution, resolution])
        precision = tf.bfloat16 if config.precision == "bfloat16" else tf.float32
        return tf.cast(images, precision), tf.gather(self._labels, rows)

    def normalised(self, pixels: Tensor) -> Tensor:
        """Pixels uint8 as float32 of mean 0 and standard deviation 1 per channel."""
        return (tf.cast(pixels, tf.float32) - self.mean) / self.std


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
