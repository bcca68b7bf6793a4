"""The training step: all variables of a training, and the compiled function that takes them one step further."""

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from harness import augment, randomness, resnet, schedule

if TYPE_CHECKING:
    from harness.dataset import Dataset
    from harness.settings import Training

Tensor = Any  # TensorFlow ships no types
Array = np.ndarray[Any, Any]


class Trainer:
    """A training between two steps.

    `model` is the Keras model whose weights are trained in place, `rates` the learning rate of each step. Each epoch
    takes `steps_per_epoch` whole batches of the training images, in an order of its own, and leaves the rest out.
    """

    def __init__(self, config: "Training", data: "Dataset") -> None:
        self.config = config
        self.classes, self.images = len(data.class_names), len(data.train_images)
        self.steps_per_epoch = self.images // config.batch_size
        self.steps = config.epochs * self.steps_per_epoch
        self.mean, self.std = pixel_statistics(data.train_images)
        self.model = resnet.build(
            config.resnet_size, config.resnet_version, self.classes, self.mean.tolist(), self.std.tolist()
        )
        resnet.initialise(self.model, config.seed)
        warmup = round(config.warmup_epochs * self.steps_per_epoch)
        self.rates = schedule.learning_rates(config.schedule, config.learning_rate, self.steps, warmup)
        self._pixels, self._labels = tf.constant(data.train_images), tf.constant(data.train_labels, tf.int32)
        self._order = tf.Variable(tf.range(self.images), trainable=False)
        self._weights = resnet.variables(self.model)
        self._trained = [weight.path for weight in self.model.trainable_weights]
        self._momentum = {path: tf.Variable(tf.zeros_like(self._weights[path])) for path in self._trained}
        self._step = tf.Variable(0, dtype=tf.int64)  # steps done
        self._loss = tf.Variable(0.0, dtype=tf.float64)  # sum over the epoch's steps
        self._correct = tf.Variable(0, dtype=tf.int64)  # images of the epoch
        self._bad_step = tf.Variable(-1, dtype=tf.int64)  # the first whose loss was infinite or not a number
        self.advance = tf.function(self._advance, autograph=False)  # takes one step

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self._step)

    @property
    def bad_step(self) -> int | None:
        """The first step (from 1) whose loss was infinite or not a number."""
        return None if int(self._bad_step) < 0 else int(self._bad_step) + 1

    def begin_epoch(self, epoch: int) -> None:
        """Take the order of images of an epoch (from 0), a function of (seed, epoch); its sums start at zero."""
        self._order.assign(order(self.config.seed, epoch, self.images))
        if self.step == epoch * self.steps_per_epoch:
            self._loss.assign(0.0)
            self._correct.assign(0)

    def sums(self) -> tuple[float, float]:
        """Mean training loss and accuracy over the whole epoch just done."""
        images = self.steps_per_epoch * self.config.batch_size
        return float(self._loss) / self.steps_per_epoch, int(self._correct) / images

    def arrays(self) -> dict[str, Array]:
        """Everything that a step reads and writes, by name. All else is a function of (config, data, step)."""
        return {name: variable.numpy() for name, variable in self._state().items()}

    def restore(self, arrays: dict[str, Array]) -> None:
        """Put back what `arrays` gave."""
        for name, variable in self._state().items():
            variable.assign(arrays[name])

    def _state(self) -> dict[str, Any]:
        sums = {"step": self._step, "loss": self._loss, "correct": self._correct, "bad_step": self._bad_step}
        momentum = {f"momentum/{path}": variable for path, variable in self._momentum.items()}
        return {**{f"weights/{path}": variable for path, variable in self._weights.items()}, **momentum, **sums}

    def _advance(self) -> None:
        """Momentum SGD: v <- momentum * v + g, w <- w - rate * v, or with Nesterov w <- w - rate * (g + momentum * v).

        g is the gradient of the mean cross-entropy plus, for kernels alone, weight_decay * w: the papers' L2 term in
        the loss, which momentum and rate act on as on the rest of g.
        """
        config, step = self.config, self._step.read_value()
        images, labels = self._batch(step)
        smoothing = config.label_smoothing
        wanted = tf.one_hot(labels, self.classes, 1 - smoothing + smoothing / self.classes, smoothing / self.classes)
        parameters = [self._weights[path] for path in self._trained]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            size, version = config.resnet_size, config.resnet_version
            logits, moving = resnet.forward(self._weights, images, size, version, self.classes, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))
        rate = tf.gather(tf.constant(self.rates, tf.float32), step)
        for path, weight, gradient in zip(self._trained, parameters, tape.gradient(loss, parameters), strict=True):
            decay = config.weight_decay if path.endswith("/kernel") else 0.0
            tf.raw_ops.ResourceApplyMomentum(
                var=weight.handle,
                accum=self._momentum[path].handle,
                lr=rate,
                grad=gradient + decay * weight if decay else gradient,
                momentum=config.momentum,
                use_nesterov=config.nesterov,
            )
        for statistic, value in moving:
            statistic.assign(value)
        self._bad_step.assign(tf.where((self._bad_step < 0) & ~tf.math.is_finite(loss), step, self._bad_step))
        self._loss.assign_add(tf.cast(loss, tf.float64))
        self._correct.assign_add(tf.math.count_nonzero(tf.equal(tf.argmax(logits, 1, tf.int32), labels)))
        self._step.assign_add(1)

    def _batch(self, step: Tensor) -> tuple[Tensor, Tensor]:
        size = self.config.batch_size
        rows = tf.slice(self._order, [(step % self.steps_per_epoch) * size], [size])
        images = (tf.cast(tf.gather(self._pixels, rows), tf.float32) - self.mean) / self.std
        if self.config.augment:
            images = augment.crop_and_flip(images, *augment.draw(self.config.seed, step, size))
        return images, tf.gather(self._labels, rows)


def order(seed: int, epoch: int, images: int) -> Array:
    """The order in which an epoch takes the images: a permutation, int32 [images]."""
    return randomness.stream(seed, "order", epoch).permutation(images).astype(np.int32)


def pixel_statistics(images: Array) -> tuple[Array, Array]:
    """Mean and standard deviation per channel of uint8 [n, height, width, 3], in pixel units, float32 [3].

    Integer sums: exact on every machine. A channel that hardly varies is divided by 1.
    """
    counts = np.stack([np.bincount(images[..., channel].ravel(), minlength=256) for channel in range(3)])
    values, total = np.arange(256), counts.sum(1)
    mean = counts @ values / total
    variance = counts @ values**2 / total - mean**2
    return mean.astype(np.float32), np.sqrt(np.maximum(variance, 1.0)).astype(np.float32)
