"""Look at images before they are packed: what can be, and what cannot, with the reason."""

import csv
import io
import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.contract import atomic, image_header, packed
from harness.contract.packed import LARGEST_RECORD
from harness.data.sources import Item

AT_ONCE = 1024  # images that are looked at before the next ones are taken


@dataclass(frozen=True)
class Image:
    """An image that is packed: its item, the hash of its key, and what its content was when it was looked at."""

    item: Item
    hash: bytes
    digest: bytes
    size: int


@dataclass(frozen=True)
class Refused:
    """An image that is not packed, and why."""

    key: str
    why: str


def examine(items: Iterable[Item]) -> tuple[list[Image], list[Refused]]:
    """Look at every image: what can be packed, and what cannot, with the reason; each content once, each key once."""
    images: list[Image] = []
    refused: list[Refused] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, Bar("reading") as bar:
        stream = iter(items)
        while batch := list(itertools.islice(stream, AT_ONCE)):
            for found in pool.map(_look, batch):
                if isinstance(found, Image):
                    images.append(found)
                else:
                    refused.append(found)
            bar.update(len(batch))
    images.sort(key=lambda image: image.item.key.encode())
    seen: dict[bytes, Item] = {}
    keys: set[str] = set()
    kept = []
    for image in images:
        first = seen.setdefault(image.digest, image.item)
        if image.item.key in keys:
            refused.append(Refused(image.item.key, "is named twice"))
        elif first is not image.item:
            other = "" if first.label == image.item.label else f", which is of the class {first.label}"
            refused.append(Refused(image.item.key, f"has the content of {first.key}{other}"))
        else:
            kept.append(image)
        keys.add(image.item.key)
    counts = Counter(image.item.label for image in kept)
    alone = {label for label, count in counts.items() if count == 1}
    refused += [Refused(i.item.key, f"is the only image of class {i.item.label}") for i in kept if i.item.label in alone]
    refused.sort(key=lambda each: each.key)
    return [image for image in kept if image.item.label not in alone], refused


def _look(item: Item) -> Image | Refused:
    if item.refused:
        return Refused(item.key, item.refused)
    try:
        content = item.read()
        if len(content) > LARGEST_RECORD:
            raise ValueError(f"has more than {LARGEST_RECORD} bytes")
        image_header.size(content)
        _decode(content)
    except OSError as error:
        return Refused(item.key, f"cannot be read: {error.strerror or error}")
    except ValueError as error:
        return Refused(item.key, str(error))
    return Image(item, packed.key_hash(item.key), packed.digest(content), len(content))


def _decode(content: bytes) -> None:
    """Decode an image once, to see that it can be.

    Raises:
        ValueError: it cannot.
    """
    from PIL import Image as pillow

    try:
        with pillow.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, EOFError, pillow.DecompressionBombError) as error:
        raise ValueError(f"cannot be decoded: {' '.join(str(error).split())[:200]}") from error


def list_refused(path: Path, refused: Sequence[Refused]) -> None:
    """Write what was left out, and why, as a CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("key", "why"), *((each.key, each.why) for each in refused)])
    atomic.write(path, text.getvalue())


class Bar:
    """A progress bar at a terminal."""

    def __init__(self, what: str, total: int | None = None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc=what, total=total, unit=" images", disable=not sys.stderr.isatty())

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def update(self, count: int) -> None:
        self._bar.update(count)
