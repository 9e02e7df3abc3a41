"""A4: is sigma(margin) the probability that the label agrees?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, NotFiniteError, UnavailableError
from rmx.audits.reliability import expected_calibration_error, reliability_bins
from rmx.audits.statistics import Clusters, Interval, mean_interval
from rmx.audits.temperature import log_temperature, nll
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["Calibration"]

CHANCE = 0.25
"""Brier score of always saying one half."""
RAW = ("brier", "nll", "brier_skill", "log_temperature")
RECALIBRATED = ("brier_skill_recalibrated", "log_temperature_recalibrated")


@dataclass(frozen=True, kw_only=True)
class Calibration(Audit):
    """Brier score, negative log-likelihood, Brier skill over saying one half, and the fitted temperature.

    Pairs are read from both sides, so that the label is not constant. The recalibrated metrics divide margins by the
    temperature fitted on `fit_on` first. There the interval of log T contains the uncertainty of that fit where the
    evidence holds the slice: a temperature known badly neither proves nor refutes calibration.
    """

    fit_on: str = "validation"
    """Slice that the temperature was fitted on; without its scores `Evidence.temperature` is taken as exact."""

    name: ClassVar[str] = "calibration"
    metrics: ClassVar[tuple[str, ...]] = (*RAW, *RECALIBRATED)

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` of `brier` has reliability bins and ECE with their nulls."""
        view = evidence.view(slice, scorer)
        size: dict[str, Any] = {"slice": slice, "scorer": scorer, "n_pairs": len(view), "n_groups": view.n_groups}
        clusters = Clusters(view.group_codes)
        squares = _brier(view.margins)
        fitted = log_temperature(view)
        results = [
            self.answer(
                "brier",
                mean_interval(squares, clusters, support=(0.0, 1.0)),
                null_value=CHANCE,
                detail=_reliability(view),
                **size,
            ),
            self.answer("nll", mean_interval(nll(view.margins), clusters), null_value=math.log(2), **size),
            self.answer("brier_skill", _skill(squares, clusters), null_value=0.0, **size),
            self._temperature("log_temperature", fitted, view, {}, size),
        ]
        try:
            known = self._recalibration(evidence, slice, scorer)
        except (UnavailableError, NotFiniteError) as gap:
            reason = gap.reason if isinstance(gap, UnavailableError) else str(gap)
            missing = {"missing": gap.missing} if isinstance(gap, UnavailableError) else {}
            gaps = [self.unanswered(m, slice=slice, scorer=scorer, reason=reason, detail=missing) for m in RECALIBRATED]
            return results + gaps
        facts = {"temperature": math.exp(known.estimate), "log_temperature_error": known.standard_error}
        rescaled = _brier(view.margins * math.exp(-known.estimate))
        skill = self.answer(
            "brier_skill_recalibrated", _skill(rescaled, clusters), null_value=0.0, detail=facts, **size
        )
        after = None if fitted is None else _difference(fitted, known)
        return [*results, skill, self._temperature("log_temperature_recalibrated", after, view, facts, size)]

    def _temperature(
        self, metric: str, fitted: Interval | None, view: ScoreView, facts: dict[str, Any], size: dict[str, Any]
    ) -> AuditResult:
        if fitted is None:
            if not view.margins.any():
                why = "every margin is zero, no better than chance"
            else:
                why = "no pair is ordered wrongly" if view.margins.min() >= 0 else "no better than chance"
            reason = f"the temperature is not identified: {why}"
            return self.unanswered(metric, slice=size["slice"], scorer=size["scorer"], reason=reason, detail=facts)
        return self.answer(metric, fitted, null_value=0.0, detail=facts, **size)

    def _recalibration(self, evidence: Evidence, slice: str, scorer: str) -> Interval:
        """Return the log temperature that recalibrates, with what is known of its error.

        Raises:
            UnavailableError: There is none, or it was fitted on the very slice that is judged.
        """
        if slice == self.fit_on:
            raise UnavailableError("not_applicable", f"the temperature is fitted on {slice} itself")
        if self.fit_on in evidence.scores:
            known = log_temperature(evidence.view(self.fit_on, scorer))
            if known is None:
                raise UnavailableError(f"the temperature is not identified on {self.fit_on}")
            return known
        if evidence.temperature is None:
            raise UnavailableError("not_provided", f"no temperature and no scores of {self.fit_on}")
        exact = math.log(evidence.temperature)
        return Interval(exact, exact, exact, "given", 0.0)


def _brier(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (1 - p)² of each pair; its mirror image (1 - p against label 0) has the same."""
    from scipy.special import expit

    return np.asarray(expit(-margins) ** 2)


def _skill(squares: NDArray[np.float64], clusters: Clusters) -> Interval:
    """Return 1 - Brier / 0.25: above zero the probabilities say more than a coin."""
    return mean_interval(1 - squares / CHANCE, clusters, null=0.0, support=(1 - 1 / CHANCE, 1.0))


def _difference(fitted: Interval, known: Interval) -> Interval:
    """Return log T after dividing by the known temperature, both errors in quadrature (the slices are independent)."""
    estimate = fitted.estimate - known.estimate
    if fitted.low is None or fitted.high is None or known.low is None or known.high is None:
        return replace(fitted, estimate=estimate, low=None, high=None, p_value=None)
    reach = math.hypot(fitted.high - fitted.estimate, known.high - known.estimate)
    error = math.hypot(fitted.standard_error or 0.0, known.standard_error or 0.0)
    p_value = math.erfc(abs(estimate) / error / math.sqrt(2)) if error > 0 else None
    return Interval(estimate, estimate - reach, estimate + reach, "cluster-robust t", error, p_value)


def _reliability(view: ScoreView) -> dict[str, Any]:
    error, null_mean, null_high = expected_calibration_error(view.margins)
    return {
        "reliability": [asdict(b) for b in reliability_bins(view.margins, view.group_codes)],
        "ece": error,
        "ece_if_calibrated": {"mean": null_mean, "q95": null_high},
    }
