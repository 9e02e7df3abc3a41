"""What Hydra and OmegaConf complain about, as one line that names the key and the nearest valid one."""

from __future__ import annotations

import re

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from rmx.config.keys import schema_keys
from rmx.config.nearest import did_you_mean, nearest
from rmx.errors import ConfigError

__all__ = ["config_error", "one_line"]

_OVERRIDE = re.compile(r"Could not override '([^']+)'")
_NOT_FOUND = re.compile(r"(?:Could not find|Could not load) '([^']+)'")
_FULL_KEY = re.compile(r"full_key: (\S+)")
_MISSING = re.compile(r"Missing mandatory value: (\S+)")
_EXPECTED = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false", "String": "text"}


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one blank."""
    return " ".join(text.split())


def config_error(error: Exception) -> ConfigError:
    """Return the ConfigError that says in one line what Hydra's or OmegaConf's exception is about."""
    if isinstance(error, OverrideParseException):
        return _parse_error(error)
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    cause = next((e for e in _chain(error) if isinstance(e, OmegaConfBaseException)), None)
    if isinstance(cause, InterpolationResolutionError):
        return ConfigError(f"{_key_of(cause, error)}: {_complaint(cause)}")
    override = _OVERRIDE.search(str(error))
    if override or isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return _unknown_key(override[1] if override else _key_of(cause, error))
    if isinstance(cause, MissingMandatoryValue):
        key = _MISSING.search(str(cause))
        return _missing_value(key[1] if key else _key_of(cause, error))
    if cause is not None:
        return ConfigError(f"{_key_of(cause, error)}: {_complaint(cause)}")
    return ConfigError(one_line(str(error)).partition(" See https://")[0])


def _chain(error: BaseException) -> list[BaseException]:
    found, current = [], error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__  # type: ignore[assignment]
    return found


def _parse_error(error: OverrideParseException) -> ConfigError:
    if "=" not in str(error.override):
        return ConfigError(f"{error.override}: not an override; write key=value")
    why = str(error).splitlines()[0]
    return ConfigError(f"{error.override}: cannot be read ({why}); quote the value: \"key='value'\"")


def _missing_option(error: MissingConfigException) -> ConfigError:
    found = _NOT_FOUND.search(str(error))
    group, _, option = (found[1] if found else error.missing_cfg_file or "").rpartition("/")
    valid = [name for name in error.options or () if name != "__init__"]
    if not group or not valid:
        return ConfigError(one_line(str(error)))
    return ConfigError(f"{group}: no option `{option}`; {did_you_mean(option, valid)}")


def _unknown_key(key: str) -> ConfigError:
    groups = sorted({name.partition(".")[0] for name in schema_keys()})
    match = nearest(key, [*schema_keys(), *groups])
    if match is not None:
        return ConfigError(f"{key}: unknown key; did you mean `{match}`?")
    siblings = [name for name in schema_keys() if name.startswith(f"{key.rpartition('.')[0]}.")]
    return ConfigError(f"{key}: unknown key; valid: {', '.join(siblings or groups)}")


def _missing_value(key: str) -> ConfigError:
    return ConfigError(f"{key}: missing value; give {key}=…")


def _key_of(cause: BaseException | None, error: Exception) -> str:
    key = getattr(cause, "full_key", None)
    if key and key != "_dummy_":  # OmegaConf's name for no key at all
        return str(key)
    written = _FULL_KEY.search(str(cause)) or _FULL_KEY.search(str(error))
    return written[1] if written else "configuration"


def _complaint(cause: OmegaConfBaseException) -> str:
    text = one_line(str(cause).partition("full_key:")[0])
    typed = re.match(r"Value '(.*)' of type '(\w+)' could not be converted to (\w+)", text)
    if typed and typed[3] in _EXPECTED:
        return f"expected {_EXPECTED[typed[3]]}, got {typed[1]!r}"
    return text
