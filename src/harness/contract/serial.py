"""Frozen dataclasses as JSON, and back, field for field. Standard library only."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

T = typing.TypeVar("T")


def to_json(value: Any) -> Any:
    """Dataclasses, mappings and sequences as what `json` writes."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    return [to_json(item) for item in value] if isinstance(value, list | tuple) else value


def from_json(kind: type[T], value: Any) -> T:
    """The dataclass `kind` from parsed JSON, field for field.

    Raises:
        ValueError: a field is missing, unknown, or of another type; the message names it.
    """
    return typing.cast(T, _read(kind, value, kind.__name__))


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        if not isinstance(value, dict) or value.keys() != hints.keys():
            found = sorted(value) if isinstance(value, dict) else type(value).__name__
            raise ValueError(f"{where}: expected the fields {sorted(hints)}, found {found}")
        return kind(**{name: _read(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        plain = {list: tuple}.get(type(value), type(value))
        fits = [one for one in inner if (typing.get_origin(one) or one) is plain or dataclasses.is_dataclass(one)]
        if fits:
            return _read(fits[0], value, where)
    elif origin is tuple and isinstance(value, list):
        return tuple(_read(inner[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    elif origin is dict and isinstance(value, dict):
        return {key: _read(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    elif kind is Any or type(value) is kind:
        return value
    raise ValueError(f"{where}: expected {kind}, found {value!r}")


def dumps(value: Any) -> str:
    """The text of a plan or record: sorted, indented, one newline at the end."""
    return json.dumps(to_json(value), sort_keys=True, indent=2, allow_nan=False) + "\n"
