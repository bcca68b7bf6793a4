"""What a step is fed with: a batch that threads have read, checked and decoded ahead of it.

The order is a function of (seed, epoch), a batch one of the step. Nothing here is state: what was read ahead is thrown
away at a kill, and read again.
"""

import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from harness.worker import randomness
from harness.worker.randomness import Order
from programs.cifar10 import augment
from programs.cifar10.inputs import Array, Tensor, pixel_statistics

if TYPE_CHECKING:
    from harness.contract.job import Job
    from programs.images.dataset import Dataset
    from programs.images.settings import Settings

DEEPEST = 16  # batches that are read ahead at most
AHEAD = 2**27  # bytes of decoded images that wait at most, unless two batches are more
SAMPLED, SAMPLE = 2**26, 2048  # bytes, and images, that mean and standard deviation are taken of at most


class Ahead:
    """This worker's parts of the batches, in the order of the steps, read ahead by threads.

    `waited` are the seconds that `take` had to wait.
    """

    def __init__(self, settings: "Settings", data: "Dataset", first: int, count: int) -> None:
        self.settings, self.data, self._first, self._count = settings, data, first, count
        self.steps_per_epoch = len(data.train_images) // settings.batch_size
        self.waited = 0.0
        size = count * settings.image_size**2 * 3
        self._depth = max(2, min(DEEPEST, AHEAD // size))
        self._waiting: deque[tuple[int, Array, list[Future[Array]]]] = deque()
        self._order: tuple[int, Order] | None = None

    def take(self, step: int) -> tuple[Array, Array]:
        """Pixels uint8 [count, side, side, 3] and places (int64 [count], in the training part) of a step.

        Raises:
            DataError: a record is altered, or cannot be decoded; names it.
        """
        if self._waiting and self._waiting[0][0] != step:  # the training was put elsewhere
            for _, _, futures in self._waiting:
                for future in futures:
                    future.cancel()
            self._waiting.clear()
        following = self._waiting[-1][0] + 1 if self._waiting else step
        last = self.settings.epochs * self.steps_per_epoch
        while len(self._waiting) < self._depth and (following < last or following == step):
            self._begin(following)
            following += 1
        _, places, futures = self._waiting.popleft()
        began = time.perf_counter()
        pixels = np.concatenate([future.result() for future in futures])
        self.waited += time.perf_counter() - began
        return pixels, places

    def _begin(self, step: int) -> None:
        epoch, at = divmod(step, self.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, Order(self.settings.seed, epoch, len(self.data.train_images))
        start = at * self.settings.batch_size + self._first
        places = self._order[1][start : start + self._count]
        images = self.data.train_images
        self._waiting.append((step, places, images.begin(images.rows[places])))


class StreamedInputs:
    """The same door as cifar10's Inputs, for images that do not all lie in memory.

    Several replicas of one worker share what it has read.
    """

    streams = True

    def __init__(self, settings: "Settings", data: "Dataset", replicas: int, job: "Job") -> None:
        self.config, self.replicas, self.pixels = settings, replicas, settings.image_size
        hosts = job.workers.hosts
        count = settings.batch_size // len(hosts)
        self._part = settings.batch_size // replicas  # of each replica
        self._local = replicas // len(hosts)
        self.ahead = Ahead(settings, data, hosts.index(job.workers.current) * count, count)
        self.steps_per_epoch = self.ahead.steps_per_epoch
        train = data.train_images
        self._labels = train.labels.astype(np.int64)
        keys = data.keys[train.rows]
        few = min(len(keys), SAMPLE, max(1, SAMPLED // (self.pixels**2 * 3)))
        sample = np.sort(np.argsort(keys, kind="stable")[:few])  # the same ones, as far as they stay in the data
        self.mean, self.std = pixel_statistics(train[sample])
        word = np.uint64(randomness.key(settings.seed, "coin") % 2**64)
        self._coins = ((keys ^ word) & np.uint64(1)).astype(bool)
        self._batch: tuple[Any, ...] = ()  # variables: pixels uint8, labels int64, coins bool

    def begin(self, epoch: int) -> None:
        """The order of an epoch follows from the step."""

    def prepare(self, step: int) -> None:
        """Put the step's batch where the step finds it; wait for it where it is not decoded yet."""
        pixels, places = self.ahead.take(step)
        values = pixels, self._labels[places], self._coins[places]
        if not self._batch:  # here, outside a strategy's scope, which would make one value of the workers' own
            self._batch = tuple(tf.Variable(value, trainable=False) for value in values)
        for variable, value in zip(self._batch, values, strict=True):
            variable.assign(value)

    def batch(self, step: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
        """This replica's part of the step's batch: images in the training's precision, labels int64 [n]."""
        config, part = self.config, self._part
        at = tf.distribute.get_replica_context().replica_id_in_sync_group * part if self.replicas > 1 else 0
        own = at % (part * self._local)
        pixels, labels, coins = (each.read_value()[own : own + part] for each in self._batch)
        images = self.normalised(pixels)
        if config.augment:
            drawn = augment.draw(config.seed, step, config.batch_size, config.crop)
            down, right, flip = (each[at : at + part] for each in drawn)
            if config.alternate_flips:
                flip = augment.alternate(coins, step // self.steps_per_epoch)
            images = augment.crop_and_flip(images, down, right, flip, config.crop)
        return tf.cast(images, tf.bfloat16 if config.precision == "bfloat16" else tf.float32), labels

    def normalised(self, pixels: Tensor) -> Tensor:
        """Pixels uint8 as float32 of mean 0 and standard deviation 1 per channel."""
        return (tf.cast(pixels, tf.float32) - self.mean) / self.std
