"""Randomness as a function of (seed, purpose, index): no generator's hidden state, so nothing of it to checkpoint."""

import hashlib
from typing import TYPE_CHECKING, Any

from harness.frameworks import generators

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.int64]]

IN_MEMORY = 10_000_000  # examples whose order is a list: 80 MB
ROUNDS = 8


def key(seed: int, purpose: str, *index: int) -> int:
    """A 128-bit key; other seeds, purposes or indices give unrelated keys."""
    text = "/".join([str(seed), purpose, *map(str, index)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def stream(seed: int, purpose: str, *index: int) -> "np.random.Generator":
    """A NumPy generator (Philox) at the start of its own stream."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=key(seed, purpose, *index)))


class Order:
    """The order in which an epoch takes `count` examples, a function of (seed, epoch): `order[first:last]`, int64.

    Beyond ten million examples it is no list, but a cipher of the place (a Feistel network over the least power of four
    that holds `count`, applied again where it leads outside), so that it takes no memory.
    """

    def __init__(self, seed: int, epoch: int, count: int, in_memory: int = IN_MEMORY) -> None:
        self.count, self._list = count, None
        if count <= in_memory:
            self._list = stream(seed, "order", epoch).permutation(count)
        self._half = max(1, ((count - 1).bit_length() + 1) // 2)  # bits of each half
        self._keys = [key(seed, "order", epoch, number) % 2**64 for number in range(ROUNDS)]

    def __getitem__(self, places: slice) -> "Array":
        import numpy as np

        if self._list is not None:
            return self._list[places]
        found = np.arange(*places.indices(self.count), dtype=np.uint64)
        outside = np.ones(len(found), bool)
        while outside.any():
            found[outside] = self._enciphered(found[outside])
            outside = found >= self.count
        return found.astype(np.int64)

    def _enciphered(self, places: Any) -> Any:
        import numpy as np

        half, mask = np.uint64(self._half), np.uint64(2**self._half - 1)
        left, right = places >> half, places & mask
        for word in self._keys:
            mixed = right ^ np.uint64(word)
            for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64's finaliser
                mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
            left, right = right, left ^ ((mixed ^ (mixed >> np.uint64(31))) & mask)
        return left << half | right


def reseed(seed: int, step: int, purpose: str = "step") -> None:
    """Set the global generators of Python and of whatever framework is loaded."""
    generators.seed(key(seed, purpose, step))


def begin(seed: int) -> None:
    """The same before a training is made, so that its first weights follow from the seed."""
    generators.seed_first(key(seed, "begin"))
