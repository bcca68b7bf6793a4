"""Many steps in a loop on the device, for XLA: weights of one shape are carried, and updated, as one tensor.

Each variable alone costs a kernel, and most of a small network's are too small to fill a GPU.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from programs.cifar10 import optimizer
from programs.cifar10.inputs import Tensor

if TYPE_CHECKING:
    from programs.cifar10.settings import Training

# (step, weights by path) to the loss, the number of correct predictions, gradients and moving statistics by path
Pass = Callable[[Tensor, Mapping[str, Tensor]], tuple[Tensor, Tensor, dict[str, Tensor], dict[str, Tensor]]]


def loop(
    config: "Training",
    rates: Tensor,
    weights: Mapping[str, Any],
    momentum: Mapping[str, Any],
    sums: Sequence[Any],
    one_pass: Pass,
) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of (first step, count) that takes so many steps of SGD and returns the step after them.

    `weights` and `momentum` are variables by path; `sums` are those of the loss, of correct predictions, and of the
    first step whose loss was infinite or not a number.
    """
    trained = _alike(weights, momentum)
    others = _alike(weights, [path for path in weights if path not in momentum])

    def advance(first: Tensor, count: Tensor) -> Tensor:
        def one(step: Tensor, values: Any, velocities: Any, averages: Any, sums: Any) -> tuple[Any, ...]:
            loss, correct, gradients, moving = one_pass(step, _unpacked(trained, values) | _unpacked(others, averages))
            rate = tf.gather(rates, step)
            stepped = [
                optimizer.sgd(config, rate, value, velocity, _packed(paths, gradients), optimizer.decays(paths[0]))
                for paths, value, velocity in zip(trained, values, velocities, strict=True)
            ]
            bad = tf.where((sums[2] < 0) & ~tf.math.is_finite(loss), step, sums[2])
            return (
                step + 1,
                [value for value, _ in stepped],
                [velocity for _, velocity in stepped],
                [_packed(paths, moving) for paths in others],
                [sums[0] + tf.cast(loss, tf.float64), sums[1] + correct, bad],
            )

        now = {path: variable.read_value() for path, variable in weights.items()}
        moves = {path: variable.read_value() for path, variable in momentum.items()}
        values, velocities = ([_packed(paths, each) for paths in trained] for each in (now, moves))
        averages = [_packed(paths, now) for paths in others]
        begun = (first, values, velocities, averages, [each.read_value() for each in sums])
        last, values, velocities, averages, ended = tf.while_loop(lambda step, *_: step < first + count, one, begun)
        for path, value in (_unpacked(trained, values) | _unpacked(others, averages)).items():
            optimizer.assign(weights[path], value)
        for path, velocity in _unpacked(trained, velocities).items():
            optimizer.assign(momentum[path], velocity)
        for variable, value in zip(sums, ended, strict=True):
            optimizer.assign(variable, value)
        return last

    return advance


def _alike(weights: Mapping[str, Any], paths: Any) -> list[list[str]]:
    """Paths in groups of one shape, and of one mind about weight decay."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for path in paths:
        groups.setdefault((tuple(weights[path].shape), optimizer.decays(path)), []).append(path)
    return list(groups.values())


def _packed(paths: list[str], tensors: Mapping[str, Tensor]) -> Tensor:
    """Their tensors as one; a convolution's kernel with its outputs first, as GPUs want it."""
    each = [tensors[path] for path in paths]
    return tf.stack([tf.transpose(one, [3, 0, 1, 2]) if len(one.shape) == 4 else one for one in each])


def _unpacked(groups: list[list[str]], stacks: Sequence[Tensor]) -> dict[str, Tensor]:
    """The tensors that `_packed` made stacks of, by path."""
    pairs = [(path, stack[at]) for paths, stack in zip(groups, stacks, strict=True) for at, path in enumerate(paths)]
    return {path: tf.transpose(one, [1, 2, 3, 0]) if len(one.shape) == 4 else one for path, one in pairs}
