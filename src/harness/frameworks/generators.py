"""The global generators of Python and of the frameworks that are loaded; none is imported."""

import functools
import gc
import hashlib
import random
import sys
import weakref
from typing import Any


def seed(value: int) -> None:
    """Set them all from a 128-bit number: Python's, NumPy's, PyTorch's, TensorFlow's, and those of Keras's layers.

    Out of reach are the old operations of TensorFlow, like tf.random.uniform, inside of a traced function, which keep a
    state of their own; Keras's layers, TensorFlow's global generator and its stateless operations do not.
    """
    if tensorflow := sys.modules.get("tensorflow"):
        _seed_tensorflow(tensorflow, value)
    if keras := sys.modules.get("keras"):
        for generator in _keras_generators(keras.random):
            own = hashlib.sha256(f"{value}/{generator.state.path}".encode()).digest()
            generator.state.assign([int.from_bytes(own[:4], "big") & 0x7FFFFFFF, 0])
    _seed_plain(value)  # last: Keras draws from Python's generator when it makes one of its own


def seed_first(value: int) -> None:
    """The same before there is a layer."""
    _seed_plain(value)
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.random.set_seed(value & 0x7FFFFFFF)


def _seed_plain(value: int) -> None:
    random.seed(value)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed([value >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)])
    if torch := sys.modules.get("torch"):
        torch.manual_seed(value & 0x7FFFFFFFFFFFFFFF)  # of all devices


def _seed_tensorflow(tensorflow: Any, value: int) -> None:
    """Its global generator, and what seeds an operation outside of functions."""
    try:
        generator = tensorflow.random.get_global_generator()
    except RuntimeError:  # where operations are deterministic it must have been seeded
        tensorflow.random.set_seed(value & 0x7FFFFFFF)
        generator = tensorflow.random.Generator.from_seed(0)
        tensorflow.random.set_global_generator(generator)
    generator.reset_from_seed(value & 0x7FFFFFFF)
    # tf.random.set_seed would also throw away every compiled function, which takes longer than most steps
    context = sys.modules["tensorflow.python.eager.context"].context()
    context._seed, context._rng = value & 0x7FFFFFFF, random.Random(value)


_known: dict[type, "weakref.WeakSet[Any]"] = {}


def _keras_generators(keras_random: Any) -> "weakref.WeakSet[Any]":
    """Keras's seed generators; a layer that draws has one: those that there are at the first call, and each new one."""
    kind = keras_random.SeedGenerator
    if kind not in _known:
        keras_random.uniform(())  # makes the global one, which would else begin at the first step of each process
        known = _known[kind] = weakref.WeakSet(each for each in gc.get_objects() if isinstance(each, kind))
        begin = kind.__init__

        @functools.wraps(begin)
        def noted(self: Any, *arguments: Any, **named: Any) -> None:
            begin(self, *arguments, **named)
            known.add(self)

        kind.__init__ = noted
    return _known[kind]
