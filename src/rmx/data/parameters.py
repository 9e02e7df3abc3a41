"""Strict binding of a dict-typed configuration node to the frozen dataclass that owns its parameters."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from rmx.errors import ConfigError

__all__ = ["bind"]

T = TypeVar("T")


def bind(owner: type[T], values: Mapping[str, Any], where: str) -> T:
    """Build `owner` from `values`.

    Raises:
        ConfigError: an unknown key (named with the nearest valid one), a missing one, or a value of the wrong type.
    """
    fields = {f.name: f for f in dataclasses.fields(owner)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(owner)
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(f"{where}.{key} is not known; {_nearest(str(key), list(fields))}")
        if not _fits(value, hints[key]):
            raise ConfigError(f"{where}.{key} must be {_spelled(hints[key])}, not {value!r}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise ConfigError(f"{where}.{name} is missing; set it to {_spelled(hints[name])}")
    return owner(**values)


def _nearest(key: str, known: list[str]) -> str:
    match = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {match[0]}?" if match else f"known are {', '.join(known)}"


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(hint))
    if hint is types.NoneType:
        return value is None
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin in (list, tuple):
        item = typing.get_args(hint)[0]
        return isinstance(value, list | tuple) and all(_fits(v, item) for v in value)
    if origin is dict:
        key_hint, value_hint = typing.get_args(hint)
        return isinstance(value, dict) and all(_fits(k, key_hint) and _fits(v, value_hint) for k, v in value.items())
    if dataclasses.is_dataclass(hint):
        return isinstance(value, typing.cast(type, hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _spelled(hint: Any) -> str:
    """Return a type as a user would say it."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_spelled(option) for option in typing.get_args(hint))
    if origin is typing.Literal:
        return ", ".join(map(str, typing.get_args(hint)))
    if origin in (list, tuple):
        return f"a list of {_spelled(typing.get_args(hint)[0])}"
    if origin is dict:
        return "a mapping"
    names = {types.NoneType: "null", str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return names.get(hint, "anything" if hint is Any else str(getattr(hint, "__name__", hint)))
