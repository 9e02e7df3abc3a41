"""A16: how does gold reward go with distance from the policy, and where would it peak?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.best_of_n_curves import Curves, best_of_n_curves
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import bootstrap, percentile_interval
from rmx.domain import AuditResult

__all__ = ["GoldVsProxy"]

Floats = NDArray[np.float64]

POINTS = 3
"""Fewest sizes above 1 that a form of two coefficients is fitted to."""


@dataclass(frozen=True, kw_only=True)
class GoldVsProxy(Audit):
    """Gao's form of over-optimisation, gold gained = d (alpha - beta d) with d = sqrt(KL), fitted to best-of-n.

    Gold is in standard deviations over the policy's samples and zero at the policy (Gao et al. 2022, arXiv 2210.10760,
    section 3.1), and KL is log n - (n-1)/n as there, an upper bound where answers repeat or tie. `alpha`: how fast gold
    rises at first. `beta`: how fast over-optimisation eats it up; above zero the curve bends down. `peak_kl`: the
    divergence (alpha / 2 beta)² in nats at which gold is highest, an extrapolation where it lies beyond the largest n.
    """

    slices: tuple[str, ...] = ("samples",)
    n_max: int | None = None
    """Largest n; half of the fewest samples that a prompt has, if not given."""
    draws: int = 2000
    seed: int = 0

    name: ClassVar[str] = "gold_vs_proxy"
    metrics: ClassVar[tuple[str, ...]] = ("alpha", "beta", "peak_kl")
    counts: ClassVar[str] = "prompts"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `n_pairs` counts prompts.

        `detail` of `alpha` has the largest KL that was measured, the distance of the curve from the form, and the same
        for the form of reinforcement learning, d (alpha - beta log d), on the same points. Without a bend (beta not
        above zero in 95% of the bootstrap draws) the peak has no interval.
        """
        curves = best_of_n_curves(evidence, slice, scorer, self.n_max)
        if len(curves.sizes) - 1 < POINTS:
            raise UnavailableError("not_provided", f"{2 * 2**POINTS} samples of every prompt in slice {slice}")
        gains = (curves.gold - curves.gold[:, :1])[:, 1:]
        distance = np.sqrt(curves.kl_bound[1:])
        facts: dict[str, Any] = {
            "slice": slice,
            "scorer": scorer,
            "n_pairs": curves.prompts,
            "n_groups": curves.clusters.count,
        }
        forms = {
            "bon": np.stack([distance, -(distance**2)], 1),
            "rl": np.stack([distance, -distance * np.log(distance)], 1),
        }
        # Both forms are linear in their coefficients: those of the mean curve are means of the prompts' own.
        fits = {name: gains @ np.linalg.pinv(basis).T for name, basis in forms.items()}
        alpha, beta = fits["bon"].T
        described = {name: _describe(gains, basis, fits[name], curves) for name, basis in forms.items()}
        described["rl"]["peak_kl"] = _rl_peak(*fits["rl"].mean(0))
        detail = {"kl_max": float(curves.kl_bound[-1]), **described}
        return [
            self.answer(
                "alpha", curves.gold_spread.mean(alpha, curves.clusters), null_value=0.0, detail=detail, **facts
            ),
            self.answer("beta", curves.gold_spread.mean(beta, curves.clusters), null_value=0.0, **facts),
            self._peak(fits["bon"], curves, facts),
        ]

    def _peak(self, fit: Floats, curves: Curves, facts: dict[str, Any]) -> AuditResult:
        estimate = _bon_peak(*fit.mean(0))
        if not np.isfinite(estimate):
            reason = "the curve does not bend down: gold has no peak within reach of these sizes"
            return self.unanswered("peak_kl", slice=facts["slice"], scorer=facts["scorer"], reason=reason)
        replicates = bootstrap(_peaks(fit), curves.clusters, draws=self.draws, seed=self.seed)
        interval = percentile_interval(estimate, replicates[:, 0], curves.clusters, draws=self.draws, seed=self.seed)
        reason = "" if interval.low is not None else "the curve may not bend down at all: its peak has no interval"
        return self.answer("peak_kl", interval, reason=reason, detail={"kl_max": float(curves.kl_bound[-1])}, **facts)


def _bon_peak(alpha: float, beta: float) -> float:
    """Return (alpha / 2 beta)²; 0 where gold falls from the start, NaN without a bend."""
    if beta <= 0:
        return float("nan")
    return float((max(alpha, 0.0) / (2 * beta)) ** 2)


def _rl_peak(alpha: float, beta: float) -> float | None:
    """Return exp(alpha / beta - 1)², where d (alpha - beta log d) is highest; None without a bend, or out of range."""
    if beta <= 0 or alpha / beta > 300:
        return None
    return float(np.exp(2 * (alpha / beta - 1)))


def _peaks(fit: Floats) -> Callable[[Floats], Floats]:
    def peak(weights: Floats) -> Floats:
        alpha, beta = weights @ fit
        return np.array([_bon_peak(alpha, beta)])

    return peak


def _describe(gains: Floats, basis: Floats, fit: Floats, curves: Curves) -> dict[str, Any]:
    """Return coefficients of the mean curve and the root mean square of what they leave, in standard deviations."""
    mean = fit.mean(0)
    left = gains.mean(0) - basis @ mean
    unit = curves.gold_spread.sd
    return {
        "alpha": float(mean[0]) / unit,
        "beta": float(mean[1]) / unit,
        "residual_sd": float(np.sqrt((left**2).mean())) / unit,
    }
