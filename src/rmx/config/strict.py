"""Plain mappings into frozen dataclasses, strictly: unknown names, missing values and wrong types are errors."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from rmx.config.nearest import did_you_mean
from rmx.errors import ConfigError

__all__ = ["build_strict"]

T = TypeVar("T")

_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}


def build_strict(cls: type[T], mapping: Mapping[str, Any] | None, *, where: str) -> T:
    """Build the dataclass `cls` from a mapping of its fields.

    Field types may be int, float, bool, str, None, Any, Literal, unions, lists, tuples, string-keyed mappings, and
    other dataclasses, nested at will. A whole number serves as a float, a list as a tuple; nothing else is converted.

    Args:
        cls: A dataclass; ranges and rules between its fields belong in its `__post_init__`, raising ValueError.
        mapping: Values by field name; None counts as empty.
        where: The dotted key of the mapping, for messages, for example `audit.accuracy`.

    Raises:
        ConfigError: One line with the key, what is wrong and the nearest valid name.
    """
    if mapping is None:
        mapping = {}
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{where}: expected a mapping of {_fields_of(cls)}, got {_shown(mapping)}")
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    hints = get_type_hints(cls)
    for name in mapping:
        if name not in fields:
            raise ConfigError(f"{where}.{name}: unknown key; {did_you_mean(str(name), fields)}")
    values = {}
    for name, field in fields.items():
        if name in mapping and mapping[name] != "???":
            values[name] = _checked(hints[name], mapping[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}.{name}: missing value; give {_wanted(hints[name])}")
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _checked(hint: Any, value: Any, where: str) -> Any:
    """Return `value` as the type `hint`, or raise ConfigError."""
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else build_strict(hint, value, where=where)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _checked_union(hint, value, where)
    if origin is Literal:
        return _checked_literal(get_args(hint), value, where)
    base = origin or hint
    if isinstance(base, type) and issubclass(base, str):
        return value if isinstance(value, str) else _refuse(hint, value, where)
    if isinstance(base, type) and issubclass(base, Mapping):
        return _checked_mapping(hint, value, where)
    if isinstance(base, type) and issubclass(base, Sequence):
        return _checked_sequence(hint, value, where)
    return _checked_scalar(base, value, where)


def _checked_scalar(base: Any, value: Any, where: str) -> Any:
    if base is float and type(value) in (int, float):
        if math.isnan(value):
            raise ConfigError(f"{where}: expected a number, got NaN")
        return float(value)
    if base in (int, bool, type(None)) and type(value) is base:
        return value
    return _refuse(base, value, where)


def _checked_literal(options: tuple[Any, ...], value: Any, where: str) -> Any:
    for option in options:
        if value == option and type(value) is type(option):
            return value
    valid = [str(option) for option in options]
    raise ConfigError(f"{where}: unknown value {_shown(value)}; {did_you_mean(str(value), valid)}")


def _checked_union(hint: Any, value: Any, where: str) -> Any:
    errors = []
    # float last: it also takes whole numbers, which an int member should keep.
    for member in sorted(get_args(hint), key=lambda member: member is float):
        try:
            return _checked(member, value, where)
        except ConfigError as error:
            errors.append((member, error))
    structured = [error for member, error in errors if _takes_shape(member, value)]
    if len(structured) == 1:  # the error inside the mapping or list says more than "not one of"
        raise structured[0]
    return _refuse(hint, value, where)


def _takes_shape(member: Any, value: Any) -> bool:
    base = get_origin(member) or member
    if isinstance(value, Mapping):
        return dataclasses.is_dataclass(member) or (isinstance(base, type) and issubclass(base, Mapping))
    is_list = isinstance(value, list | tuple)
    return is_list and isinstance(base, type) and issubclass(base, Sequence) and not issubclass(base, str)


def _checked_mapping(hint: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        return _refuse(hint, value, where)
    arguments = get_args(hint)
    inner = arguments[1] if arguments else Any
    return {str(key): _checked(inner, item, f"{where}.{key}") for key, item in value.items()}


def _checked_sequence(hint: Any, value: Any, where: str) -> Any:
    if not isinstance(value, list | tuple):
        return _refuse(hint, value, where)
    arguments = get_args(hint)
    base = get_origin(hint) or hint
    if issubclass(base, tuple) and arguments and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            raise ConfigError(f"{where}: expected {len(arguments)} values, got {len(value)}: {_shown(value)}")
        inner = list(arguments)
    else:
        inner = [arguments[0] if arguments else Any] * len(value)
    items = [_checked(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(inner, value, strict=True))]
    return items if base is list else tuple(items)


def _refuse(hint: Any, value: Any, where: str) -> Any:
    raise ConfigError(f"{where}: expected {_wanted(hint)}, got {_shown(value)}")


def _wanted(hint: Any) -> str:
    """Return a type in words."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_wanted(member) for member in get_args(hint))
    if origin is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    if dataclasses.is_dataclass(hint):
        return f"a mapping of {_fields_of(hint)}"
    base = origin or hint
    if base in _NAMES:
        return _NAMES[base]
    if isinstance(base, type) and issubclass(base, Mapping):
        return "a mapping"
    if isinstance(base, type) and issubclass(base, Sequence):
        return "a list"
    return "a value"


def _fields_of(cls: Any) -> str:
    return ", ".join(field.name for field in dataclasses.fields(cls) if field.init) or "nothing"


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
