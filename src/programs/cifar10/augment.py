"""Random crops and flips of a whole batch, inside the training graph (He et al. 2015: pad 4, crop 32, flip)."""

from typing import Any

import tensorflow as tf

from harness.worker import randomness

Tensor = Any  # TensorFlow ships no types


def draw(seed: int, step: Tensor, count: int, crop: int) -> tuple[Tensor, Tensor, Tensor]:
    """Row and column shift (int64 [count], 0 to 2 * crop; crop is the middle) and flip (bool [count]) of a batch.

    A function of (seed, step, place in the batch) alone: `step` is the global step, int64 scalar. A GPU would send
    int32 indices to the host, add there, and fetch them back.
    """

    def integers(purpose: str, high: int) -> Tensor:
        word = randomness.key(seed, purpose) % 2**63
        drawn = tf.random.stateless_uniform(
            [count],
            seed=tf.stack([tf.constant(word, tf.int64), step]),
            maxval=high,
            dtype=tf.int32,
            minval=0,
            alg="philox",
        )
        return tf.cast(drawn, tf.int64)

    return integers("rows", 2 * crop + 1), integers("columns", 2 * crop + 1), integers("flip", 2) == 1


def alternate(coins: Tensor, epoch: Tensor) -> Tensor:
    """Flip (bool [count]): each image's coin in the first epoch (from 0), turned over in every other one.

    So two epochs show each image both ways: Keller Jordan, "94% on CIFAR-10 in 3.29 seconds" (arXiv 2404.00498).
    """
    return tf.not_equal(coins, epoch % 2 == 1)


def crop_and_flip(images: Tensor, rows: Tensor, columns: Tensor, flip: Tensor, crop: int) -> Tensor:
    """Each image padded with `crop` zeros on every side, cut out at (row, column), mirrored left-right where `flip`.

    `images` is float32 [n, height, width, channels], normalised, so that zero is the mean colour. Two gathers do it:
    rows, then columns; the flip only turns the order of the column indices around.
    """
    height, width = images.shape[1], images.shape[2]
    padded = tf.pad(images, [[0, 0], [crop, crop], [crop, crop], [0, 0]])
    across = tf.range(width, dtype=tf.int64)
    order = columns[:, None] + tf.where(flip[:, None], across[::-1], across)
    cut = tf.gather(padded, rows[:, None] + tf.range(height, dtype=tf.int64), axis=1, batch_dims=1)
    return tf.gather(cut, order, axis=2, batch_dims=1)
