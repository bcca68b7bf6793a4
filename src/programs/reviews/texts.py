"""Two thousand short reviews, made of words by the position alone: the same bytes on every machine."""

import hashlib

GOOD = "charming moving bright funny clever warm gripping honest"
BAD = "dull clumsy slow noisy shallow cold endless false"
PLAIN = "the film a story with its actors and music in scenes of one long evening that we saw"


def files() -> dict[str, str]:
    """`label<tab>text` lines, to train on and to test; a label is 1 where most of the telling words are good."""
    lines = [_line(number) for number in range(2000)]
    return {"train.tsv": "".join(lines[:1600]), "test.tsv": "".join(lines[1600:])}


def _line(number: int) -> str:
    drawn = hashlib.sha256(str(number).encode()).digest()
    telling = [(GOOD if byte % 2 else BAD).split()[byte // 2 % 8] for byte in drawn[:3]]
    plain = [PLAIN.split()[byte % 18] for byte in drawn[3:9]]
    words = [word for pair in zip(plain, [*telling, *plain[:3]], strict=True) for word in pair]
    return f"{int(sum(word in GOOD.split() for word in telling) > 1)}\t{' '.join(words)}\n"
