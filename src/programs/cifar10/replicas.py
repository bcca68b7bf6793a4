"""What several replicas of one training need: equal shares, and one message for many tensors."""

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from harness.contract.errors import SettingError

if TYPE_CHECKING:
    from programs.cifar10.settings import Training

Tensor = Any  # TensorFlow ships no types


def together(tensors: list[Tensor], function: Any) -> list[Tensor]:
    """An elementwise function of many tensors (float32), as one call."""
    flat = function(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0))
    parts = tf.split(flat, [int(np.prod(tensor.shape)) for tensor in tensors])
    return [tf.reshape(part, tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def check_shares(config: "Training", images: int, replicas: int) -> None:
    if config.batch_size > images:
        raise SettingError(
            f"batch_size={config.batch_size} is more than there are training images", legal=f"1 to {images}"
        )
    if config.batch_size % replicas:
        raise SettingError(
            f"batch_size={config.batch_size} does not go into {replicas} equal parts", legal=f"multiples of {replicas}"
        )
    if config.xla and replicas > 1:
        raise SettingError(f"xla=true cannot compile a step that {replicas} devices share", legal="xla=false")
