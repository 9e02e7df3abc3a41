"""Options of groups whose default is optional: Hydra leaves one out that does not exist, also where a user named it."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from rmx.config.nearest import did_you_mean
from rmx.errors import ConfigError

__all__ = ["refuse_unknown_options"]

OPTIONAL = ("slice", "recipe", "local")


def refuse_unknown_options(overrides: Sequence[str]) -> None:
    """Refuse an option that a user named and no configuration directory has; call while Hydra is initialised.

    Raises:
        ConfigError: Names the group, the option and the nearest one.
    """
    loader = GlobalHydra.instance().config_loader()
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.key_or_group not in OPTIONAL or override.is_sweep_override():
            continue
        value = override.value()
        named = value if isinstance(value, list) else [value]
        options = loader.get_group_options(override.key_or_group)
        for option in named:
            if isinstance(option, str) and option not in options:
                raise ConfigError(f"{override.key_or_group}: no option `{option}`; {did_you_mean(option, options)}")
