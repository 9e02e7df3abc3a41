"""The few objects that a user may name by import path: callbacks and loggers, from an allow-list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from rmx.errors import ConfigError

__all__ = ["ALLOWED", "build_target", "check_targets"]

ALLOWED = ("rmx.callbacks.", "pytorch_lightning.callbacks.")
"""Import paths that `_target_` may begin with; anything else could run any code on the machine."""

_PLACE = "callbacks"


def check_targets(config: Mapping[str, Any]) -> None:
    """Check that `_target_` appears in callbacks only, and names something of the allow-list.

    Raises:
        ConfigError: One line with the key.
    """
    for key, target in _targets(config, ""):
        if key.partition(".")[0] != _PLACE:
            raise ConfigError(f"{key}: import paths are allowed in {_PLACE} only; remove it")
        if not isinstance(target, str) or not target.startswith(ALLOWED):
            raise ConfigError(f"{key}: {target!r} is not allowed; it must begin with {' or '.join(ALLOWED)}")
    for name, spec in config.get(_PLACE, {}).items():
        if not isinstance(spec, Mapping) or "_target_" not in spec:
            raise ConfigError(f"{_PLACE}.{name}: a callback needs _target_; write callbacks.{name}._target_=…")


def _targets(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            inner = f"{key}.{name}".lstrip(".")
            if name == "_target_":
                yield inner, item
            else:
                yield from _targets(item, inner)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _targets(item, f"{key}.{index}")


def build_target(spec: Mapping[str, Any], *, where: str) -> Any:
    """Import what `spec` names under `_target_` and call it with its other keys.

    Raises:
        ConfigError: There is no such object, or it does not take these arguments.
    """
    target = str(spec["_target_"])
    module, _, name = target.rpartition(".")
    try:
        factory = getattr(import_module(module), name)
        return factory(**{key: value for key, value in spec.items() if key != "_target_"})
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{where}._target_: {target} cannot be imported ({error})") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {target} refuses its arguments ({error})") from error
