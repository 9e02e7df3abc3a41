"""The audits by name, built strictly from configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.audits.accuracy import Accuracy
from rmx.audits.agreement import Agreement
from rmx.audits.base import Audit
from rmx.audits.baselines import Baselines
from rmx.audits.calibration import Calibration
from rmx.audits.distribution_shift import DistributionShift
from rmx.audits.length_balanced import LengthBalanced
from rmx.audits.length_effect import LengthEffect
from rmx.audits.length_matched import LengthMatched
from rmx.audits.length_observational import LengthObservational
from rmx.audits.margin import Margin
from rmx.audits.paired import Paired
from rmx.audits.scale import Scale
from rmx.audits.scale_drift import ScaleDrift
from rmx.audits.split_overlap import SplitOverlap
from rmx.config.nearest import did_you_mean
from rmx.config.strict import build_strict
from rmx.errors import ConfigError

__all__ = ["AUDITS", "build_audits"]

AUDITS: dict[str, type[Audit]] = {
    "accuracy": Accuracy,
    "agreement": Agreement,
    "baselines": Baselines,
    "calibration": Calibration,
    "distribution_shift": DistributionShift,
    "length_balanced": LengthBalanced,
    "length_effect": LengthEffect,
    "length_matched": LengthMatched,
    "length_observational": LengthObservational,
    "margin": Margin,
    "paired": Paired,
    "scale": Scale,
    "scale_drift": ScaleDrift,
    "split_overlap": SplitOverlap,
}


def build_audits(nodes: Mapping[str, Any]) -> list[Audit]:
    """Build the configured audits, in order.

    Args:
        nodes: Parameters by name of the audit, as in `conf/audit/`; null means all defaults.

    Raises:
        ConfigError: An unknown audit, an unknown parameter, or a value of the wrong type.
    """
    audits = []
    for name, node in nodes.items():
        if name not in AUDITS:
            raise ConfigError(f"audit.{name}: unknown audit; {did_you_mean(name, AUDITS)}")
        audits.append(build_strict(AUDITS[name], node, where=f"audit.{name}"))
    return audits
