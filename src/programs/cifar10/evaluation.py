"""Counting what a model gets right: losses and classes of images, by a function from images to logits.

TensorFlow must find its environment (oneDNN, threads) set before this module is imported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from programs.cifar10.inputs import Array

BATCH = 500  # images at a time; memory and speed alone depend on it
GPU_BATCH = 5000  # where calls cost more than memory


@dataclass(frozen=True)
class Evaluation:
    """`loss` is the mean cross-entropy in nats; `confusion[true, predicted]` counts images (int64)."""

    loss: float
    correct: int
    images: int
    confusion: Array

    @property
    def accuracy(self) -> float:
        """Share of images whose largest logit is their label's."""
        return self.correct / self.images


def inference(model: keras.Model) -> Callable[[Array], Array]:
    """The model's own inference: logits of uint8 images [n, height, width, 3]."""
    infer = tf.function(
        lambda images: model(images, training=False),
        input_signature=[tf.TensorSpec(model.input_shape, tf.float32)],
        autograph=False,
    )
    return lambda images: infer(images.astype(np.float32)).numpy()


def evaluate(
    infer: Callable[[Array], Array], images: Any, labels: Array, batch: int | None = None
) -> tuple[Evaluation, Array, Array]:
    """Count over images uint8 [n, height, width, 3] with labels [n], by a function from images to logits.

    `batch` of them are taken at a time, as slices, which a sequence may read and decode when they are asked for.

    Returns the counts, each image's cross-entropy in nats (float64 [n]) and its predicted class (int64 [n]).
    """
    size = batch or BATCH
    parts = (images[at : at + size] for at in range(0, len(images), size))
    logits = np.concatenate([infer(part) for part in parts]).astype(np.float64)
    logits -= logits.max(1, keepdims=True)
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]
    classes, predicted = logits.shape[1], logits.argmax(1)
    pairs = labels.astype(np.int64) * classes + predicted
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return Evaluation(float(losses.mean()), int(confusion.trace()), len(labels), confusion), losses, predicted
