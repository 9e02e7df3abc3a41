"""Several tests at once: how much each p-value still says when many were looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from rmx.domain import AuditResult

__all__ = ["q_values", "with_q_values"]


def q_values(p_values: Sequence[float]) -> list[float]:
    """Return each p-value adjusted for the false discovery rate of all of them (Benjamini & Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return [float(q) for q in false_discovery_control(p_values)]


def with_q_values(results: Sequence[AuditResult]) -> list[AuditResult]:
    """Return the results with `detail.q_value` and `detail.tests`, the size of the family, beside each p-value.

    q is the p-value adjusted for the false discovery rate over every p-value of the run: calling what has q < .05 an
    effect, about one in twenty such calls is expected to be wrong. A result with an interval and no p-value (a
    proportion, a bootstrap) is no member. The gate rests on intervals and reads none of this.
    """
    family = {i: r.p_value for i, r in enumerate(results) if r.p_value is not None and math.isfinite(r.p_value)}
    corrected = list(results)
    if not family:
        return corrected
    for i, q in zip(family, q_values(list(family.values())), strict=True):
        facts = {**results[i].detail, "q_value": q, "tests": len(family)}
        corrected[i] = replace(results[i], detail=facts)
    return corrected
