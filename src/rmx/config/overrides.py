"""Command-line overrides as users type them: paths with characters of Hydra's grammar are quoted for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from rmx.config.keys import is_path_key

__all__ = ["quote_paths"]


def quote_paths(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the values of path-valued keys quoted where Hydra would read them as something else.

    `data.path=a=b (1).jsonl` becomes `data.path='a=b (1).jsonl'`. Values that Hydra understands stay as they are:
    quoted text, null, interpolations, lists, sweeps (`a.csv,b.csv`, `glob(*.csv)`) unless a file has that very name.
    """
    return [_quoted_override(argument) for argument in arguments]


def _quoted_override(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals or argument.startswith("-") or not is_path_key(key.lstrip("+")):
        return argument
    return f"{key}={_quoted_value(value)}"


def _quoted_value(value: str) -> str:
    override = _parsed(value)
    if override is None:
        inner = value.strip()
        if inner.startswith("[") and inner.endswith("]") and not Path(value).exists():
            return f"[{','.join(_quoted_value(item.strip()) for item in inner[1:-1].split(','))}]"
        return _quote(value)
    if override.is_sweep_override():
        return _quote(value) if Path(value).exists() else value
    meant = override.value()
    is_other_type = isinstance(meant, int | float) or (
        isinstance(meant, str) and not _is_quoted(value) and meant != value
    )
    return _quote(value) if is_other_type else value


def _parsed(value: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(f"key={value}")
    except HydraException:
        return None


def _is_quoted(value: str) -> bool:
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""


def _quote(value: str) -> str:
    # Hydra's rule: backslashes are literal except in front of a quote (or the closing one), where they are doubled.
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value)
    return f"'{escaped}'"
