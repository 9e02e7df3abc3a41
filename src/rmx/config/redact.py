"""What may be written down: secrets and values of environment variables are masked."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.resolvers import oc

from rmx.config.keys import leaves
from rmx.config.schema import Config

__all__ = ["REDACTED", "environment_texts", "redact_text", "redacted"]

REDACTED = "[redacted]"
_SECRET_KEY = re.compile(r"(token|(secret|passw(or)?d|credential|api[_-]?key|access[_-]?key)s?)$", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"\b(hf_|sk-|ghp_|github_pat_|wandb_v1_|AKIA)[A-Za-z0-9_-]{12,}")
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
_OUR_VARIABLES = "RMX_"


def redact_text(key: str, value: str) -> str:
    """Return `value` without what looks like a secret: by its key's last part, its own shape, or a URL's password."""
    if _SECRET_KEY.search(key):
        return REDACTED
    return _URL_PASSWORD.sub(rf"\1:{REDACTED}@", _SECRET_VALUE.sub(REDACTED, value))


def redacted(config: Config) -> dict[str, Any]:
    """Return the whole configuration as plain values fit for `config.yaml`.

    Values that came from environment variables other than RMX_* stand as the interpolation they were written as, and
    text that looks like a secret as `[redacted]`.
    """
    plain = dataclasses.asdict(config)
    environment = plain.pop("environment")
    return {key: _mask(value, key, environment) for key, value in plain.items()}


def _mask(value: Any, key: str, environment: Mapping[str, str]) -> Any:
    if key in environment:
        return environment[key]
    if isinstance(value, Mapping):
        return {name: _mask(item, f"{key}.{name}".lstrip("."), environment) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(item, f"{key}.{index}", environment) for index, item in enumerate(value)]
    return redact_text(key, value) if isinstance(value, str) else value


def environment_texts(config: DictConfig) -> dict[str, str]:
    """Return, by dotted key, the text of every value that interpolates an environment variable other than RMX_*.

    Interpolations of interpolations count too: the configuration is resolved once more with a resolver that gives the
    variable's name in place of its value, and what then differs came from the environment.
    """
    untyped = OmegaConf.to_container(config, resolve=False)
    plain = dict(_indexed(OmegaConf.to_container(OmegaConf.create(untyped), resolve=True)))
    with _names_for_values():
        named = dict(_indexed(OmegaConf.to_container(OmegaConf.create(untyped), resolve=True)))
    return {key: str(text) for key, text in named.items() if key not in plain or plain[key] != text}


@contextmanager
def _names_for_values() -> Iterator[None]:
    def name(variable: str, *default: Any) -> Any:
        if variable.startswith(_OUR_VARIABLES) or variable not in os.environ:
            return oc.env(variable, *default)
        return f"${{oc.env:{variable}}}"

    OmegaConf.register_new_resolver("oc.env", name, replace=True)
    try:
        yield
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)


def _indexed(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values, list items by their index."""
    for key, item in leaves(value):
        if isinstance(item, list):
            yield from _indexed({f"{key}.{index}": part for index, part in enumerate(item)})
        else:
            yield key, item
