"""He et al.'s CIFAR ResNet of depth 6n+2: one description, read in two ways.

`build` reads it as a Keras model of standard layers, which is what is saved. `forward` reads it as the pass that
training uses, over the same weights, with fused batch normalisation: Keras's own is slower.

Version 1 is post-activation with zero-padded identity shortcuts (arXiv 1512.03385, section 4.2, option A); version 2
is pre-activation (arXiv 1603.05027) with a 1x1 projection at the first block of every stage.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from harness.worker import randomness

Tensor = Any  # TensorFlow ships no types
EPSILON = 1e-5
MOMENTUM = 0.9  # of the moving statistics
NORM = ("gamma", "beta", "moving_mean", "moving_variance")


class Layers(Protocol):
    """What the description is made of. Convolutions have no bias and pad (kernel - 1) / 2 zeros on each side."""

    def conv(self, name: str, x: Tensor, filters: int, kernel: int, stride: int) -> Tensor: ...
    def norm(self, name: str, x: Tensor, relu: bool) -> Tensor: ...
    def shortcut(self, name: str, x: Tensor, filters: int, stride: int) -> Tensor: ...
    def add(self, name: str, x: Tensor, y: Tensor, relu: bool) -> Tensor: ...
    def dense(self, name: str, x: Tensor, units: int) -> Tensor: ...


def network(layers: Layers, x: Tensor, size: int, version: int, classes: int, width: int) -> Tensor:
    """Logits [n, classes] of normalised images [n, height, width, 3]; `width` channels, later 2 and 4 times as many."""
    x = layers.conv("first_conv", x, width, 3, 1)
    if version == 1:
        x = layers.norm("first_norm", x, relu=True)
    for stage, filters in enumerate((width, 2 * width, 4 * width), start=1):
        for block in range(1, (size - 2) // 6 + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}_block{block}"
            if version == 1:
                x = _post_activation(layers, name, x, filters, stride)
            else:
                x = _pre_activation(layers, name, x, filters, stride, project=block == 1)
    if version == 2:
        x = layers.norm("last_norm", x, relu=True)
    return layers.dense("logits", x, classes)


def _post_activation(layers: Layers, name: str, x: Tensor, filters: int, stride: int) -> Tensor:
    y = layers.conv(f"{name}_conv1", x, filters, 3, stride)
    y = layers.norm(f"{name}_norm1", y, relu=True)
    y = layers.conv(f"{name}_conv2", y, filters, 3, 1)
    y = layers.norm(f"{name}_norm2", y, relu=False)
    kept = layers.shortcut(f"{name}_shortcut", x, filters, stride) if stride > 1 else x
    return layers.add(f"{name}_add", y, kept, relu=True)


def _pre_activation(layers: Layers, name: str, x: Tensor, filters: int, stride: int, project: bool) -> Tensor:
    y = layers.norm(f"{name}_norm1", x, relu=True)
    kept = layers.conv(f"{name}_shortcut", y, filters, 1, stride) if project else x
    y = layers.conv(f"{name}_conv1", y, filters, 3, stride)
    y = layers.norm(f"{name}_norm2", y, relu=True)
    y = layers.conv(f"{name}_conv2", y, filters, 3, 1)
    return layers.add(f"{name}_add", y, kept, relu=False)


class _KerasLayers:
    """The description as Keras layers. Every layer has a name of its own, so builds do not depend on each other."""

    def conv(self, name: str, x: Tensor, filters: int, kernel: int, stride: int) -> Tensor:
        # "same" would pad a strided convolution on one side only, and its centres would miss the shortcut's pixels
        if kernel > 1 and stride > 1:
            x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
        padding = "valid" if stride > 1 else "same"
        conv = keras.layers.Conv2D(
            filters,
            kernel,
            stride,
            padding,
            use_bias=False,
            kernel_initializer="he_normal",
            name=name,
        )
        return conv(x)

    def norm(self, name: str, x: Tensor, relu: bool) -> Tensor:
        x = keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=name)(x)
        return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x

    def shortcut(self, name: str, x: Tensor, filters: int, stride: int) -> Tensor:
        taken = keras.layers.MaxPooling2D(1, stride, name=f"{name}_take")(x)
        missing = filters - x.shape[-1]
        # "channels_first" pads the last two axes, which here are width (by nothing) and channels
        return keras.layers.ZeroPadding2D(((0, 0), (0, missing)), "channels_first", name=f"{name}_pad")(taken)

    def add(self, name: str, x: Tensor, y: Tensor, relu: bool) -> Tensor:
        x = keras.layers.Add(name=name)([x, y])
        return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x

    def dense(self, name: str, x: Tensor, units: int) -> Tensor:
        x = keras.layers.GlobalAveragePooling2D(name="average")(x)
        return keras.layers.Dense(units, kernel_initializer="he_normal", name=name)(x)


class _FastLayers:
    """The description as TensorFlow operations over a model's weights, batch normalisation fused.

    Every convolution is one that oneDNN has a kernel for, forward and backward.
    """

    def __init__(self, weights: Mapping[str, Tensor], training: bool, total: Callable[[Tensor], Tensor] | None) -> None:
        self.weights, self.training, self.total = weights, training, total
        self.moving: dict[str, Tensor] = {}  # the value of each moving statistic after this pass

    def conv(self, name: str, x: Tensor, filters: int, kernel: int, stride: int) -> Tensor:
        if (
            kernel > 1 and stride > 1
        ):  # the far sides' padding would meet no window; explicit padding has no fast kernel
            x = tf.pad(x, [[0, 0], [kernel // 2, 0], [kernel // 2, 0], [0, 0]])
        weights = tf.cast(self.weights[f"{name}/kernel"], x.dtype)
        return tf.nn.conv2d(x, weights, stride, "VALID" if stride > 1 else "SAME")

    def norm(self, name: str, x: Tensor, relu: bool) -> Tensor:
        normalise = self._over_all_workers if self.training and self.total else self._fused
        y = normalise(name, x)
        return tf.nn.relu(y) if relu else y

    def _fused(self, name: str, x: Tensor) -> Tensor:
        gamma, beta, mean, variance = (self.weights[f"{name}/{part}"] for part in NORM)
        given = [tf.zeros([0]), tf.zeros([0])] if self.training else [mean, variance]
        y, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=given[0], variance=given[1], epsilon=EPSILON, is_training=self.training
        )
        if self.training:
            # the operation gives the unbiased variance, Keras averages the biased one
            count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
            self._move(name, batch_mean, batch_variance * ((count - 1) / count))
        return y

    def _over_all_workers(self, name: str, x: Tensor) -> Tensor:
        gamma, beta, *_ = (self.weights[f"{name}/{part}"] for part in NORM)
        wide = tf.cast(x, tf.float32)
        count = tf.fill([1], tf.cast(tf.size(x) // x.shape[-1], tf.float32))
        sums = [tf.reduce_sum(wide, [0, 1, 2]), tf.reduce_sum(wide * wide, [0, 1, 2]), count]
        assert self.total is not None
        first, second, count = tf.split(self.total(tf.concat(sums, 0)), [x.shape[-1], x.shape[-1], 1])
        mean = first / count
        variance = second / count - mean * mean
        self._move(name, mean, variance)
        return tf.cast((wide - mean) * (gamma * tf.math.rsqrt(variance + EPSILON)) + beta, x.dtype)

    def _move(self, name: str, mean: Tensor, variance: Tensor) -> None:
        for part, value in (("moving_mean", mean), ("moving_variance", variance)):
            path = f"{name}/{part}"
            self.moving[path] = tf.stop_gradient(self.weights[path] * MOMENTUM + value * (1 - MOMENTUM))

    def shortcut(self, name: str, x: Tensor, filters: int, stride: int) -> Tensor:
        # a window of one pixel: what x[:, ::stride, ::stride] takes, with a much faster gradient
        taken = tf.nn.avg_pool2d(x, 1, stride, "VALID")
        return tf.pad(taken, [[0, 0], [0, 0], [0, 0], [0, filters - x.shape[-1]]])

    def add(self, name: str, x: Tensor, y: Tensor, relu: bool) -> Tensor:
        return tf.nn.relu(x + y) if relu else x + y

    def dense(self, name: str, x: Tensor, units: int) -> Tensor:
        pooled = tf.reduce_mean(tf.cast(x, tf.float32), [1, 2])
        return tf.matmul(pooled, self.weights[f"{name}/kernel"]) + self.weights[f"{name}/bias"]


def build(
    size: int, version: int, classes: int, mean: Sequence[float], std: Sequence[float], side: int = 32, width: int = 16
) -> keras.Model:
    """A model from pixels [n, side, side, 3], 0 to 255, uint8 or float, to logits; its weights mean nothing yet.

    Its first layer takes `mean` off and divides by `std`, per channel and in the unit of the pixels.
    """
    pixels = keras.Input((side, side, 3), name="pixels")
    scale, offset = [1 / one for one in std], [-m / s for m, s in zip(mean, std, strict=True)]
    normalised = keras.layers.Rescaling(scale, offset, name="normalise")(pixels)
    logits = network(_KerasLayers(), normalised, size, version, classes, width)
    return keras.Model(pixels, logits, name=f"resnet{size}_v{version}")


def initialise(model: keras.Model, seed: int) -> None:
    """Give every kernel He normal weights (std = sqrt(2 / fan-in)), a function of (seed, place in the model)."""
    kernels = [variable for variable in model.trainable_variables if variable.path.endswith("/kernel")]
    for index, variable in enumerate(kernels):
        fan_in = int(np.prod(variable.shape[:-1]))
        drawn = randomness.stream(seed, "weights", index).standard_normal(tuple(variable.shape))
        variable.assign((drawn * np.sqrt(2 / fan_in)).astype(np.float32))


def variables(model: keras.Model) -> dict[str, Any]:
    """TensorFlow's variables of the model's weights by path, such as stage1_block1_conv1/kernel."""
    return {weight.path: weight.value for weight in model.weights}


def forward(
    weights: Mapping[str, Tensor],
    images: Tensor,
    size: int,
    version: int,
    classes: int,
    training: bool,
    total: Callable[[Tensor], Tensor] | None = None,
    width: int = 16,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The fast pass over weights by path, from normalised images (float32 or bfloat16) to logits (float32).

    Images may have any height and width that 4 divides. `total` sums a tensor over all workers, with a gradient;
    where it is given, batch normalisation takes its statistics over the images of all of them.

    Returns the logits and, when training, each moving statistic by path with its value after the step.
    """
    layers = _FastLayers(weights, training, total)
    return network(layers, images, size, version, classes, width), layers.moving
