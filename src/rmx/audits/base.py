"""What an audit is: a frozen record of its parameters that turns evidence into results with intervals."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from rmx.audits.evidence import Evidence
from rmx.audits.examples import Example
from rmx.audits.power import detectable_effect, needed
from rmx.audits.statistics import FEW_GROUPS, Interval
from rmx.audits.verdict import Bounds, judge
from rmx.config.nearest import did_you_mean
from rmx.domain import AuditResult, Status

__all__ = ["EVERY", "Audit"]

EVERY = "*"
"""Stands for every slice, or every scorer of a slice, in the evidence."""


@dataclass(frozen=True, kw_only=True)
class Audit(ABC):
    """One question about a reward; the fields are its parameters, as written in `conf/audit/`."""

    slices: tuple[str, ...] = ("heldout",)
    """Slices to answer for; one that was not given leaves an INCONCLUSIVE result. `*` adds every other one that was."""
    scorers: tuple[str, ...] = ("model",)
    """Scorers to answer for; `*` means every scorer of the slice."""
    tolerance: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """[low, high] by metric, null for unbounded; a metric without one is only reported."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    """Every metric the audit answers with; each has a row even where no answer was possible."""
    counts: ClassVar[str] = "pairs"
    """What `n_pairs` of its results counts."""
    reads_folds: ClassVar[Literal["as_scored", "standardised", "never"]] = "as_scored"
    """How rewards are read that come of several models, each of a part of the pairs (a cross-fit, ADR 26). `as_scored`:
    only the order within a prompt counts, or the margin is meant as log-odds. `standardised`: in standard deviations of
    each model's margins. `never`: the answer would need one scale."""

    def __post_init__(self) -> None:
        for metric, (low, high) in self.tolerance.items():
            if metric not in self.metrics:
                raise ValueError(
                    f"tolerance.{metric} is not a metric of this audit; {did_you_mean(metric, self.metrics)}"
                )
            if low is not None and high is not None and low > high:
                raise ValueError(f"tolerance.{metric} must be [low, high] with low at most high, not [{low}, {high}]")

    def reads(self, slice: str) -> bool:
        """Return whether the audit answers for this slice where it is given."""
        return slice in self.slices or EVERY in self.slices

    @abstractmethod
    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer.

        Raises:
            UnavailableError: The evidence does not hold what the audit needs.
            NotFiniteError: A reward is NaN or infinite.
        """

    def examples(self, evidence: Evidence, *, slice: str, scorer: str, most: int) -> list[Example]:
        """Return up to `most` single cases in which what the audit asks about went wrong the furthest, worst first.

        Asked only where `run` gave a number. None of an audit that has no texts to show side by side.
        """
        return []

    def answer(
        self,
        metric: str,
        interval: Interval,
        *,
        slice: str,
        scorer: str,
        n_pairs: int,
        n_groups: int,
        null_value: float | None = None,
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> AuditResult:
        """Judge an estimated metric against its tolerance and put everything known about it into one record."""
        facts = dict(detail or {})
        bounds = Bounds.closed(*self.tolerance[metric]) if metric in self.tolerance else None
        low, high = interval.low, interval.high
        verdict = judge(interval.estimate, low, high, bounds) if bounds else "REPORTED"
        if low is None or high is None:
            reason = reason or f"{n_groups} groups without variance between them give no interval"
        elif n_groups < FEW_GROUPS and "exact" not in interval.method:
            reason = reason or f"only {n_groups} groups: the interval is approximate"
        if bounds and interval.standard_error is not None:
            facts["n_needed"] = needed(interval.estimate, interval.standard_error, bounds, n_pairs)
        return AuditResult(
            audit=self.name,
            slice=slice,
            scorer=scorer,
            metric=metric,
            estimate=interval.estimate,
            ci_low=low,
            ci_high=high,
            ci_method=interval.method,
            n_pairs=n_pairs,
            n_groups=n_groups,
            mde=detectable_effect(interval),
            null_value=null_value,
            p_value=interval.p_value,
            alarm=null_value is not None and low is not None and high is not None and not low <= null_value <= high,
            tolerance=(bounds.low, bounds.high) if bounds else None,
            status=verdict if math.isfinite(interval.estimate) else "FAIL",
            reason=reason if math.isfinite(interval.estimate) else "the metric is NaN",
            draws=interval.draws,
            seed=interval.seed,
            detail=facts,
        )

    def unanswered(
        self,
        metric: str,
        *,
        slice: str,
        scorer: str,
        reason: str,
        status: Status = "INCONCLUSIVE",
        detail: Mapping[str, Any] | None = None,
    ) -> AuditResult:
        """Return the row of a metric that has no estimate."""
        return AuditResult(
            audit=self.name,
            slice=slice,
            scorer=scorer,
            metric=metric,
            estimate=None,
            ci_low=None,
            ci_high=None,
            ci_method="",
            n_pairs=0,
            n_groups=0,
            tolerance=self.tolerance.get(metric),
            status=status,
            reason=reason,
            detail=dict(detail or {}),
        )
