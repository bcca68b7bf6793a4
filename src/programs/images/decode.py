"""JPEG and PNG files as pixels, by TensorFlow's own decoder: its libraries are in the package that the lock names.

TensorFlow must find its environment (oneDNN, threads) set before this module is imported.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any  # TensorFlow ships no types
Array = np.ndarray[Any, Any]
AT_A_TIME = 32  # images whose decoding TensorFlow may begin before the first one is done


def decoder(side: int) -> Callable[[Sequence[bytes]], Array]:
    """A function from files to pixels uint8 [n, side, side, 3]: the middle square of each image, resized.

    What an image becomes does not depend on the others. An image of that size is taken as it is.
    """

    def one(content: Tensor) -> Tensor:
        pixels = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")  # it knows PNG, too
        height, width = tf.unstack(tf.shape(pixels)[:2])
        whole = tf.logical_and(tf.equal(height, side), tf.equal(width, side))
        return tf.ensure_shape(tf.cond(whole, lambda: pixels, lambda: _resized(pixels, side)), [side, side, 3])

    def all_of(contents: Tensor) -> Tensor:
        spec = tf.TensorSpec([side, side, 3], tf.uint8)
        return tf.map_fn(one, contents, fn_output_signature=spec, parallel_iterations=AT_A_TIME)

    compiled = tf.function(all_of, [tf.TensorSpec([None], tf.string)], autograph=False)

    def decode(contents: Sequence[bytes]) -> Array:
        with tf.device("/CPU:0"):
            pixels: Array = compiled(tf.constant(list(contents), tf.string)).numpy()
        return pixels

    return decode


def _resized(pixels: Tensor, side: int) -> Tensor:
    """The middle square at another size: a triangle filter over as many pixels as one of the result covers."""
    height, width = tf.unstack(tf.shape(pixels)[:2])
    least = tf.minimum(height, width)
    square = tf.image.crop_to_bounding_box(pixels, (height - least) // 2, (width - least) // 2, least, least)
    resized = tf.image.resize(square, [side, side], "bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
