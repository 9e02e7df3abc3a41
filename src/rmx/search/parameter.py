"""`parameters` of a sweep file: what each key is varied over, in W&B's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.config import build_strict, did_you_mean
from rmx.errors import ConfigError
from rmx.search.distributions import (
    Beta,
    Categorical,
    Distribution,
    IntUniform,
    InvLogUniform,
    LogNormal,
    LogUniform,
    LogUniformValues,
    Normal,
    Quantised,
    Uniform,
)

__all__ = ["Space", "build_space"]

Space = Mapping[str, Distribution]
"""What is varied, by dotted key, in the order of the file."""

_CONTINUOUS: dict[str, type[Any]] = {
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "log_uniform_values": LogUniformValues,
    "inv_log_uniform": InvLogUniform,
    "inv_log_uniform_values": LogUniformValues,
    "normal": Normal,
    "log_normal": LogNormal,
    "beta": Beta,
}
_WITHOUT_STEP = ("inv_log_uniform", "inv_log_uniform_values")
_STEPPED = {f"q_{name}": cls for name, cls in _CONTINUOUS.items() if name not in _WITHOUT_STEP}
_LISTED = ("categorical", "categorical_w_probabilities")
_NAMES = (*_CONTINUOUS, *_STEPPED, *_LISTED, "constant", "int_uniform")


def build_space(parameters: Any, where: str) -> Space:
    """Return what the parameters of a sweep file are varied over.

    Args:
        parameters: The mapping of the file.
        where: The file, for messages.

    Raises:
        ConfigError: Not what W&B's schema allows, or a nested `parameters`, which no command line can carry.
    """
    if not isinstance(parameters, Mapping) or not parameters:
        raise ConfigError(f"{where}: parameters: expected a mapping of dotted keys, got {parameters!r}")
    return {str(key): _distribution(spec, f"{where}: parameters.{key}", key) for key, spec in parameters.items()}


def _distribution(spec: Any, where: str, key: Any) -> Distribution:
    if not isinstance(spec, Mapping):
        raise ConfigError(f"{where}: expected a mapping, got {spec!r}; write {{value: {spec}}} for a constant")
    if "parameters" in spec:
        inner = spec["parameters"]
        example = f"{key}.{next(iter(inner))}" if isinstance(inner, Mapping) and inner else f"{key}.…"
        raise ConfigError(f"{where}: nested parameters reach no command line; write the dotted key `{example}`")
    fields = {name: value for name, value in spec.items() if name != "distribution"}
    name = spec.get("distribution") or _meant(fields)
    if name in _LISTED:
        return build_strict(Categorical, fields, where=where)
    if name == "constant":
        if set(fields) != {"value"}:
            raise ConfigError(f"{where}: a constant has `value` alone, not {', '.join(fields) or 'nothing'}")
        return Categorical([fields["value"]])
    _refuse_text(fields, where)
    if name == "int_uniform":
        return build_strict(IntUniform, fields, where=where)
    if name in _CONTINUOUS:
        return _built(_CONTINUOUS[name], fields, where)
    if name in _STEPPED:
        step = fields.pop("q", 1.0)
        if type(step) not in (int, float) or step <= 0:
            raise ConfigError(f"{where}.q: expected a number above 0, got {step!r}")
        return Quantised(_built(_STEPPED[name], fields, where), step)
    raise ConfigError(f"{where}: distribution {name!r} is not one of W&B's; {did_you_mean(str(name), _NAMES)}")


def _built(cls: type[Any], fields: Mapping[str, Any], where: str) -> Distribution:
    distribution: Distribution = build_strict(cls, fields, where=where)
    return distribution


def _meant(fields: Mapping[str, Any]) -> str:
    """Return the distribution of a parameter that names none, as W&B infers it."""
    if "value" in fields:
        return "constant"
    if "values" in fields:
        return "categorical"
    bounds = [fields.get("min"), fields.get("max")]
    return "int_uniform" if all(type(bound) is int for bound in bounds) else "uniform"


def _refuse_text(fields: Mapping[str, Any], where: str) -> None:
    for name, value in fields.items():
        if isinstance(value, str):
            raise ConfigError(f"{where}.{name}: {value!r} is text to YAML; write a number with a point, as 1.0e-5")
