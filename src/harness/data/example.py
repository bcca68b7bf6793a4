"""A tf.train.Example as bytes, read without the framework that names it: the first value of each feature.

Its form: https://protobuf.dev/programming-guides/encoding, and the framework's example.proto and feature.proto.
"""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
Value = bytes | int


def parse(content: bytes) -> dict[str, Value]:
    """The first value of each feature that holds bytes or integers, by name.

    Raises:
        ValueError: it is no such message.
    """
    features: dict[str, Value] = {}
    for _, example in _only(content, 1):
        for _, entry in _only(example, 1):
            named = dict(_fields(entry))
            name, feature = named.get(1), named.get(2)
            if not isinstance(name, bytes) or not isinstance(feature, bytes):
                raise ValueError("a feature without a name or a value")
            for kind, listed in _fields(feature):  # 1: bytes, 2: floats, 3: integers
                values = list(_fields(listed)) if isinstance(listed, bytes) else []
                if kind == 2 or not values:
                    continue
                first = values[0][1]
                if kind == 3 and isinstance(first, bytes):  # packed
                    first = _varint(first, 0)[0]
                features[name.decode()] = first
    return features


def _only(content: bytes, number: int) -> Iterator[tuple[int, bytes]]:
    for field, value in _fields(content):
        if field == number and isinstance(value, bytes):
            yield field, value


def _fields(content: bytes) -> Iterator[tuple[int, Value]]:
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = _varint(content, at)
            yield tag >> 3, value
            continue
        size = {FIXED64: 8, FIXED32: 4}.get(kind)
        if kind == BYTES:
            size, at = _varint(content, at)
        if size is None or at + size > len(content):
            raise ValueError("it is not whole")
        yield tag >> 3, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(content) and shift < 70:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("it is not whole")
