"""Configuration: its shape, its rules, the way into every command; the only importer of OmegaConf and Hydra."""

from rmx.config.nearest import did_you_mean, nearest
from rmx.config.strict import build_strict

__all__ = ["build_strict", "did_you_mean", "nearest"]
