"""JPEG and PNG files as pixels, by TensorFlow's own decoder: its libraries are in the package that the lock names.

TensorFlow must find its environment (oneDNN, threads) set before this module is imported.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from programs.images.dataset import Decode

Tensor = Any  # TensorFlow ships no types
Array = np.ndarray[Any, Any]
AT_A_TIME = 32  # images whose decoding TensorFlow may begin before the first one is done
LARGE = 4  # of those that are to be resized, and may be large


def decoder(side: int) -> Decode:
    """A function from files and their sizes to pixels uint8 [n, side, side, 3]: the middle square of each, resized.

    What an image becomes does not depend on the others. An image of that size is taken as it is, by a function of its
    own: a condition inside would take as long as the decoding of a small image.
    """
    whole, resized = (
        _compiled(side, lambda pixels: pixels, AT_A_TIME),
        _compiled(side, lambda pixels: _resized(pixels, side), LARGE),
    )

    def decode(contents: Sequence[bytes], sizes: Sequence[tuple[int, int]]) -> Array:
        fits: Array = np.array([size == (side, side) for size in sizes], bool)
        if fits.all():
            return whole(contents)
        pixels = np.empty((len(contents), side, side, 3), np.uint8)
        for chosen, function in ((fits, whole), (~fits, resized)):
            if chosen.any():
                pixels[chosen] = function([contents[int(at)] for at in np.flatnonzero(chosen)])
        return pixels

    return decode


def _compiled(side: int, finish: Callable[[Tensor], Tensor], at_a_time: int) -> Callable[[Sequence[bytes]], Array]:
    """A function from files to pixels, some of them at a time; `finish` makes each as large as it has to be."""

    def one(content: Tensor) -> Tensor:
        pixels = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")  # it knows PNG, too
        return tf.ensure_shape(finish(pixels), [side, side, 3])

    def all_of(contents: Tensor) -> Tensor:
        spec = tf.TensorSpec([side, side, 3], tf.uint8)
        return tf.map_fn(one, contents, fn_output_signature=spec, parallel_iterations=at_a_time)

    function = tf.function(all_of, [tf.TensorSpec([None], tf.string)], autograph=False)

    def call(contents: Sequence[bytes]) -> Array:
        with tf.device("/CPU:0"):
            pixels: Array = function(tf.constant(list(contents), tf.string)).numpy()
        return pixels

    return call


def _resized(pixels: Tensor, side: int) -> Tensor:
    """The middle square at another size: a triangle filter over as many pixels as one of the result covers."""
    height, width = tf.unstack(tf.shape(pixels)[:2])
    least = tf.minimum(height, width)
    square = tf.image.crop_to_bounding_box(pixels, (height - least) // 2, (width - least) // 2, least, least)
    resized = tf.image.resize(square, [side, side], "bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
