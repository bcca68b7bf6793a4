"""Frozen dataclasses as JSON, and back, field for field and within limits. Standard library only.

What is read may come from anyone. A field `Annotated` with a Rule is held to it; other text is bounded, and characters
that would act on a terminal are spelled out; numbers are finite.
"""

import dataclasses
import functools
import json
import math
import reprlib
import types
import typing
from collections.abc import Mapping
from typing import Any

from harness.contract.legal import WHOLE, spelled

T = typing.TypeVar("T")
LARGEST = 2**24  # bytes of a plan or record
LONGEST = 2**14  # characters of one text in it
MOST = 2**17  # items of one list or mapping in it
DEEPEST = 4  # of a value whose type is open
# Metadata of a field that came later: left out where it has its default, which is what was before it.
LATER = types.MappingProxyType({"later": True})


def to_json(value: Any) -> Any:
    """Dataclasses, mappings and sequences as what `json` writes."""
    if dataclasses.is_dataclass(value):
        values = {field: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {
            field.name: to_json(each) for field, each in values.items() if not (_later(field) and each == field.default)
        }
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    return [to_json(item) for item in value] if isinstance(value, list | tuple) else value


def from_json(kind: type[T], value: Any) -> T:
    """The dataclass `kind` from parsed JSON, field for field.

    Raises:
        ValueError: a field is missing, unknown, or of another type; the message names it.
    """
    return typing.cast(T, _read(kind, value, kind.__name__))


def parse(text: str | bytes, largest: int = LARGEST) -> Any:
    """Parsed JSON whose numbers are finite.

    Raises:
        ValueError: it is none, or too large, or nested too deeply.
    """
    if len(text) > largest:
        raise ValueError(f"it has {len(text)} bytes; at most {largest} are read")
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number")
    return number


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        checked = _read(inner[0], value, where)
        if not inner[1].test(value if isinstance(value, str) else checked):
            raise ValueError(f"{where}: expected {inner[1].legal}, found {reprlib.repr(value)}")
        return checked
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints, later = _fields(kind)
        if not isinstance(value, dict) or not hints.keys() - later <= value.keys() <= hints.keys():
            found = reprlib.repr(sorted(value)) if isinstance(value, dict) else type(value).__name__
            raise ValueError(f"{where}: expected the fields {sorted(hints)}, found {found}")
        return kind(**{name: _read(hints[name], each, f"{where}.{name}") for name, each in value.items()})
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        plain = {list: tuple}.get(type(value), type(value))
        fits = [one for one in inner if (typing.get_origin(one) or one) is plain or dataclasses.is_dataclass(one)]
        if fits:
            return _read(fits[0], value, where)
    elif origin is tuple and isinstance(value, list) and len(value) <= MOST:
        return tuple(_read(inner[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    elif origin is dict and isinstance(value, dict) and len(value) <= MOST:
        keys = {key: _read(inner[0], key, f"{where}, a name") for key in value}
        return {keys[key]: _read(inner[1], item, f"{where}.{keys[key][:40]}") for key, item in value.items()}
    elif kind is Any:
        return _open(value, where)
    elif type(value) is kind and _within(value):
        return spelled(value) if isinstance(value, str) else value
    raise ValueError(f"{where}: expected {kind}, found {reprlib.repr(value)}")


@functools.cache
def _fields(kind: type) -> tuple[dict[str, Any], set[str]]:
    """The types of a dataclass's fields by name, and the names of those that came later; finding them takes long."""
    later = {field.name for field in dataclasses.fields(kind) if _later(field)}
    return typing.get_type_hints(kind, include_extras=True), later


def _later(field: "dataclasses.Field[Any]") -> bool:
    return "later" in field.metadata


def _open(value: Any, where: str, depth: int = 0) -> Any:
    """A value whose type is open: a scalar, a list of scalars, or a mapping of such values."""
    if value is None or (isinstance(value, str | bool | int | float) and _within(value)):
        return spelled(value) if isinstance(value, str) else value
    if isinstance(value, list) and len(value) <= MOST and not any(isinstance(item, list | dict) for item in value):
        return [_open(item, where) for item in value]
    if isinstance(value, dict) and len(value) <= MOST and depth < DEEPEST:
        return {_open(key, where): _open(item, where, depth + 1) for key, item in value.items()}
    raise ValueError(f"{where}: expected plain values, found {reprlib.repr(value)}")


def _within(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST
    return bool(-WHOLE <= value <= WHOLE) if isinstance(value, int) else math.isfinite(value)


def dumps(value: Any) -> str:
    """The text of a plan or record: sorted, indented, one newline at the end."""
    return json.dumps(to_json(value), sort_keys=True, indent=2, allow_nan=False) + "\n"
