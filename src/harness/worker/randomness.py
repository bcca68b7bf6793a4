"""Randomness as a function of (seed, purpose, index): no generator's hidden state, so nothing of it to checkpoint."""

import hashlib
from typing import TYPE_CHECKING

from harness.frameworks import generators

if TYPE_CHECKING:
    import numpy as np


def key(seed: int, purpose: str, *index: int) -> int:
    """A 128-bit key; other seeds, purposes or indices give unrelated keys."""
    text = "/".join([str(seed), purpose, *map(str, index)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def stream(seed: int, purpose: str, *index: int) -> "np.random.Generator":
    """A NumPy generator (Philox) at the start of its own stream."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=key(seed, purpose, *index)))


def reseed(seed: int, step: int, purpose: str = "step") -> None:
    """Set the global generators of Python and of whatever framework is loaded."""
    generators.seed(key(seed, purpose, step))


def begin(seed: int) -> None:
    """The same before a training is made, so that its first weights follow from the seed."""
    generators.seed_first(key(seed, "begin"))
