"""The audits of every validation: what is watched while a model learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.audits.accuracy import Accuracy
from rmx.audits.base import Audit
from rmx.audits.registry import build_audits
from rmx.errors import ConfigError

__all__ = ["build_watch"]

SLICE = "validation"


def build_watch(nodes: Mapping[str, Any]) -> list[Audit]:
    """Build the audits of `watch`, in order.

    Accuracy is always among them: checkpoints and sweeps are chosen by it.

    Raises:
        ConfigError: As `build_audits`, and an audit of another slice than validation: what judges must not be looked at
            while anything is still chosen.
    """
    audits = build_audits(nodes, where="watch")
    for audit in audits:
        if audit.slices != (SLICE,):
            raise ConfigError(
                f"watch.{audit.name}.slices: {SLICE} alone is scored in training, not {', '.join(audit.slices)}; "
                f"give watch.{audit.name}.slices=[{SLICE}]"
            )
    return audits if any(isinstance(audit, Accuracy) for audit in audits) else [Accuracy(slices=(SLICE,)), *audits]
