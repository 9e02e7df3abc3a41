"""A22: does the reward tell a policy's answers to one prompt apart at all?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.samples import Samples
from rmx.audits.statistics import Clusters, Interval, interval_of_error
from rmx.domain import AuditResult

__all__ = ["RewardVariance"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RewardVariance(Audit):
    """Share of the reward's standard deviation that lies within prompts: sigma_w / sqrt(sigma_w² + sigma_b²).

    sigma_w² and sigma_b² are the unbiased variance components of samples within prompts and of prompts (one-way
    analysis of variance, Searle, Casella & McCulloch 1992, section 3.6). Optimisation only sees what lies within a
    prompt: an accurate reward that hardly varies there is a slow teacher (Razin et al. 2025, arXiv 2503.15477). The
    ratio sigma_w / sigma_b = 0.2 is a share of 0.196; the share is also defined where prompts do not differ.

    The interval is a t interval of the logarithm of the ratio of the two mean squares, whose error comes from leaving
    out one group at a time (Arvesen & Schmitz 1970, Biometrics 26, 677): it holds for rewards that are far from normal.
    """

    slices: tuple[str, ...] = ("samples",)

    name: ClassVar[str] = "reward_variance"
    metrics: ClassVar[tuple[str, ...]] = ("within_share",)
    reads_folds = "never"
    counts: ClassVar[str] = "samples"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `n_pairs` counts samples, `detail` has both components as deviations."""
        samples = evidence.samples(slice, scorer)
        if len(samples.prompts) < 2 or samples.sizes.max() < 2:
            raise UnavailableError("not_provided", f"two samples of each of two prompts in slice {slice}")
        components = _components(samples)
        within, between, size = components(np.ones(len(samples.prompts)))
        if within + max(0.0, between) == 0:
            raise UnavailableError(f"all rewards of {scorer} on slice {slice} are equal")
        clusters = Clusters(samples.groups)
        interval = _interval(components, within, between, size, clusters)
        gap = "rewards do not vary within prompts" if within == 0 else "no group can be left out"
        between = max(0.0, between)
        return [
            self.answer(
                "within_share",
                interval,
                slice=slice,
                scorer=scorer,
                n_pairs=int(samples.sizes.sum()),
                n_groups=clusters.count,
                reason=gap if interval.low is None else "",
                detail={
                    "n_prompts": len(samples.prompts),
                    "within_sd": within**0.5,
                    "between_sd": between**0.5,
                    "ratio": (within / between) ** 0.5 if between > 0 else None,
                },
            )
        ]


def _interval(
    components: Callable[[Floats], tuple[float, float, float]],
    within: float,
    between: float,
    size: float,
    clusters: Clusters,
) -> Interval:
    """Return the share with its interval; without one where a mean square is nought, or groups cannot be left out."""
    share = math.sqrt(within / (within + max(0.0, between)))
    squares = [_log_squares(components((clusters.codes != g).astype(np.float64)), size) for g in range(clusters.count)]
    logs, log = np.array(squares), _log_squares((within, between, size), size)
    method = "jackknife of the log ratio of mean squares"
    if not (math.isfinite(log) and np.isfinite(logs).all()):
        return Interval(share, None, None, method)
    error = math.sqrt((clusters.count - 1) / clusters.count * float(((logs - logs.mean()) ** 2).sum()))
    if error == 0:
        return Interval(share, None, None, method)
    found = interval_of_error(log, error, clusters.count - 1)
    assert found.low is not None  # noqa: S101  an error above nought has both
    assert found.high is not None  # noqa: S101
    # The larger the ratio of the mean squares, the smaller the share; the error follows by its slope.
    slope = 0.5 * share**3 * math.exp(log) / size
    return Interval(share, _share(found.high, size), _share(found.low, size), method, slope * error)


def _log_squares(components: tuple[float, float, float], size: float) -> float:
    """Return log(1 + size * sigma_b² / sigma_w²), the log ratio of the mean squares between and within prompts."""
    within, between, _ = components
    ratio = 1 + size * between / within if within > 0 else math.nan
    return math.log(ratio) if ratio > 0 else math.nan


def _share(log: float, size: float) -> float:
    return 1 / math.sqrt(1 + max(0.0, math.expm1(log) / size))


def _components(samples: Samples) -> Callable[[Floats], tuple[float, float, float]]:
    """Return a function of weights (P,): the variances within and between prompts, and what their mean squares weigh.

    The mean square between prompts is sigma_w² + size * sigma_b²; the estimate of sigma_b² may be below 0.
    """
    sizes = samples.sizes.astype(np.float64)
    means = np.array([r.mean() for r in samples.rewards])
    squares = np.array([((r - r.mean()) ** 2).sum() for r in samples.rewards])

    def components(weights: Floats) -> tuple[float, float, float]:
        prompts, total = weights.sum(), weights @ sizes
        free = total - prompts
        if prompts < 2 or free <= 0:
            return math.nan, math.nan, math.nan
        within = weights @ squares / free
        grand = weights @ (sizes * means) / total
        of_means = weights @ (sizes * (means - grand) ** 2) / (prompts - 1)
        each = (total - weights @ sizes**2 / total) / (prompts - 1)
        return float(within), float((of_means - within) / each), float(each)

    return components
