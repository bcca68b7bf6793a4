"""The optimisers: what a gradient does to the weights. Both are applied in place, inside the compiled step."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from programs.cifar10.settings import Training

Tensor = Any  # TensorFlow ships no types
ITERATIONS = 3  # of Newton and Schulz: enough for a step's direction
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic whose iteration drives singular values towards 1


def apply(
    config: "Training",
    rate: Tensor,
    weights: Mapping[str, Any],
    momentum: Mapping[str, Any],
    gradients: Mapping[str, tuple[Tensor, Tensor]],
) -> None:
    """Take one step: `weights` and `momentum` are variables by path, `gradients` each path's value and gradient.

    `rate` is the step's learning rate. Muon takes the kernels of convolutions, SGD what is left.
    """
    kernels: dict[Any, dict[str, tuple[Tensor, Tensor]]] = {}  # by shape
    for path, (value, gradient) in gradients.items():
        if config.optimizer == "muon" and len(value.shape) == 4:
            kernels.setdefault(tuple(value.shape), {})[path] = value, gradient
        else:
            _sgd(config, rate, weights[path], momentum[path], value, gradient, decays(path))
    for alike in kernels.values():
        _muon(config, rate * (config.muon_rate / config.learning_rate), weights, momentum, alike)


def decays(path: str) -> bool:
    """Whether weight decay acts on the weights of that path."""
    return path.endswith("/kernel")


def sgd(
    config: "Training", rate: Tensor, value: Tensor, velocity: Tensor, gradient: Tensor, decayed: bool
) -> tuple[Tensor, Tensor]:
    """What `_sgd` does, with tensors: weights and momentum after the step."""
    slope = gradient + config.weight_decay * value if decayed and config.weight_decay else gradient
    velocity = config.momentum * velocity + slope
    return value - rate * (slope + config.momentum * velocity if config.nesterov else velocity), velocity


def assign(variable: Any, value: Tensor) -> None:
    """In a replica, its own copy: every replica computes the same value."""
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def _sgd(
    config: "Training", rate: Tensor, weight: Any, momentum: Any, value: Tensor, gradient: Tensor, decayed: bool
) -> None:
    """Momentum SGD: v <- momentum * v + g, w <- w - rate * v, or with Nesterov w <- w - rate * (g + momentum * v).

    g is the gradient of the mean cross-entropy plus, for kernels alone, weight_decay * w: the papers' L2 term in
    the loss, which momentum and rate act on as on the rest of g.
    """
    tf.raw_ops.ResourceApplyMomentum(
        var=weight.handle,
        accum=momentum.handle,
        lr=rate,
        grad=gradient + config.weight_decay * value if decayed and config.weight_decay else gradient,
        momentum=config.momentum,
        use_nesterov=config.nesterov,
    )


def _muon(
    config: "Training",
    turn: Tensor,
    weights: Mapping[str, Any],
    momentum: Mapping[str, Any],
    gradients: Mapping[str, tuple[Tensor, Tensor]],
) -> None:
    """Muon for kernels [height, width, in, out] of one shape: a step along the nearest orthogonal matrix.

    v <- momentum * v + g; w <- w * sqrt(out) / |w| - turn * orthogonal(g + momentum * v), or without Nesterov of v.
    Batch normalisation takes a kernel's norm out of what the network computes, so the norm is fixed, `turn` is the
    share of it that a step moves the kernel by, and weight decay has nothing to do.

    Source: Jordan et al. 2024, "Muon" (https://kellerjordan.github.io/posts/muon/), and his cifar10-airbench.
    """
    shape = next(iter(gradients.values()))[0].shape
    rows, out = int(shape[0] * shape[1] * shape[2]), int(shape[3])

    def stacked(tensors: list[Tensor]) -> Tensor:
        return tf.stack([tf.reshape(tensor, [rows, out]) for tensor in tensors])

    value = stacked([value for value, _ in gradients.values()])
    gradient = stacked([gradient for _, gradient in gradients.values()])
    velocity = config.momentum * stacked([momentum[path].read_value() for path in gradients]) + gradient
    direction = orthogonal(gradient + config.momentum * velocity if config.nesterov else velocity)
    norm = tf.sqrt(tf.reduce_sum(value * value, [1, 2], keepdims=True))
    value = value * (out**0.5 / norm) - turn * direction
    for at, path in enumerate(gradients):
        assign(weights[path], tf.reshape(value[at], shape))
        assign(momentum[path], tf.reshape(velocity[at], shape))


def orthogonal(matrices: Tensor) -> Tensor:
    """For each matrix of float32 [k, m, n] about U V', where its singular value decomposition is U S V'.

    Singular values come out between about 0.5 and 1.3; a matrix of zeros stays one.
    """
    wide = matrices.shape[1] < matrices.shape[2]
    x = matrices if wide else tf.linalg.matrix_transpose(matrices)
    x = x / (tf.sqrt(tf.reduce_sum(x * x, [1, 2], keepdims=True)) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
    return x if wide else tf.linalg.matrix_transpose(x)
