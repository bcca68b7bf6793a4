"""Two thousand short reviews, made of words by the position alone: the same bytes on every machine."""

import hashlib

from harness.contract.source import made

TELLING = (
    "dull clumsy slow noisy shallow cold endless false",
    "charming moving bright funny clever warm gripping honest",
)
PLAIN = "the film a story with its actors and music in scenes of one long evening that we saw"


def files() -> dict[str, str]:
    """`label<tab>text` lines, to train on and to test; a label is 1 where most of the telling words are good."""
    parts = {"train": range(1400), "validation": range(1400, 1600), "test": range(1600, 2000)}
    return {f"{name}.tsv": "".join(map(_line, numbers)) for name, numbers in parts.items()}


def _line(number: int) -> str:
    drawn = hashlib.sha256(str(number).encode()).digest()
    words = [TELLING[byte % 2].split()[byte // 2 % 8] for byte in drawn[:3]]
    words += [PLAIN.split()[byte % 18] for byte in drawn[3:12]]
    return f"{int(sum(byte % 2 for byte in drawn[:3]) > 1)}\t{' '.join(words)}\n"


SOURCE = made("reviews", "b2e6966ce3c6d3fa306768b84c6ed02a.dir", files)
