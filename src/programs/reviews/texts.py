"""Two thousand short reviews, made of words by the position alone: the same bytes on every machine."""

import hashlib

from harness.contract.source import made

BAD, GOOD = "dull clumsy slow noisy cold endless", "charming moving bright funny clever warm"
PLAIN = "the film a story with its actors and music in scenes of one long evening that we saw"
SPLITS = {"train": range(1400), "validation": range(1400, 1600), "test": range(1600, 2000)}


def files() -> dict[str, str]:
    """`label<tab>text` lines, to train on and to test; a label is 1 where most of the telling words are good."""
    return {f"{name}.tsv": "".join(map(_line, numbers)) for name, numbers in SPLITS.items()}


def _line(number: int) -> str:
    drawn = hashlib.sha256(str(number).encode()).digest()
    words = [f"{BAD} {GOOD}".split()[byte % 12] for byte in drawn[:3]]
    words += [PLAIN.split()[byte % 18] for byte in drawn[3:12]]
    return f"{int(sum(byte % 12 > 5 for byte in drawn[:3]) > 1)}\t{' '.join(words)}\n"


SOURCE = made("reviews", "b98e603387508eb5daa74f81788872b7.dir", files)
