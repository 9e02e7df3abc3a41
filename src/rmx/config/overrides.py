"""Command-line arguments as users type them, put into the form that Hydra reads as they were meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from rmx.config.keys import is_path_key, open_keys

__all__ = ["as_meant"]

_VALUED_FLAGS = (
    "--config-dir",
    "-cd",
    "--config-name",
    "-cn",
    "--config-path",
    "-cp",
    "--package",
    "-p",
    "--cfg",
    "-c",
)


def as_meant(arguments: Sequence[str]) -> list[str]:
    """Return command-line arguments in the form in which Hydra reads what their user meant.

    - Values of path-valued keys are quoted where Hydra would read them as something else: `data.path=a=b (1).jsonl`
      becomes `data.path='a=b (1).jsonl'`. What Hydra understands stays: quoted text, null, interpolations, lists,
      sweeps (`a.csv,b.csv`, `glob(*.csv)`) unless a file has that very name.
    - Keys inside dict-typed nodes may be new, alone or in a mapping: `data.columns.prompt=question` becomes
      `++data.columns.prompt=question`, and `data.columns={prompt: question}` likewise.
    - Overrides follow flags: argparse would refuse `seed=1 -m loss.center=0,0.01`.
    """
    flags: list[str] = []
    overrides: list[str] = []
    for argument in arguments:
        is_value = bool(flags) and flags[-1] in _VALUED_FLAGS
        is_override = not is_value and not argument.startswith("-") and ("=" in argument or argument[:1] in "~+")
        (overrides if is_override else flags).append(argument)
    return flags + [_override_as_meant(override) for override in overrides]


def _override_as_meant(override: str) -> str:
    name, equals, value = override.partition("=")
    key = name.lstrip("+")
    if not equals:
        return override
    inside = any(key.startswith(f"{node}.") for node in open_keys())
    if name == key and (inside or (key in open_keys() and value.lstrip().startswith("{"))):
        name = f"++{key}"
    return f"{name}={_quoted_value(value) if is_path_key(key) else value}"


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
