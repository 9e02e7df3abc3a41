"""A22: does the reward tell a policy's answers to one prompt apart at all?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.samples import Samples
from rmx.audits.statistics import Clusters, bootstrap, percentile_interval
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
    """

    slices: tuple[str, ...] = ("samples",)
    draws: int = 2000
    seed: int = 0

    name: ClassVar[str] = "reward_variance"
    metrics: ClassVar[tuple[str, ...]] = ("within_share",)
    counts: ClassVar[str] = "samples"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `n_pairs` counts samples, `detail` has both components as deviations."""
        samples = evidence.samples(slice, scorer)
        if len(samples.prompts) < 2 or samples.sizes.max() < 2:
            raise UnavailableError("not_provided", f"two samples of each of two prompts in slice {slice}")
        components = _components(samples)
        within, between = components(np.ones(len(samples.prompts)))
        if within + between == 0:
            raise UnavailableError(f"all rewards of {scorer} on slice {slice} are equal")
        clusters = Clusters(samples.groups)
        replicates = bootstrap(lambda w: np.array([_share(*components(w))]), clusters, draws=self.draws, seed=self.seed)
        interval = percentile_interval(
            _share(within, between), replicates[:, 0], clusters, draws=self.draws, seed=self.seed
        )
        return [
            self.answer(
                "within_share",
                interval,
                slice=slice,
                scorer=scorer,
                n_pairs=int(samples.sizes.sum()),
                n_groups=clusters.count,
                detail={
                    "n_prompts": len(samples.prompts),
                    "within_sd": within**0.5,
                    "between_sd": between**0.5,
                    "ratio": (within / between) ** 0.5 if between > 0 else None,
                },
            )
        ]


def _share(within: float, between: float) -> float:
    return float((within / (within + between)) ** 0.5) if within + between > 0 else float("nan")


def _components(samples: Samples) -> Callable[[Floats], tuple[float, float]]:
    """Return a function of weights (P,) that gives the variances within and between prompts, the latter at least 0."""
    sizes = samples.sizes.astype(np.float64)
    means = np.array([r.mean() for r in samples.rewards])
    squares = np.array([((r - r.mean()) ** 2).sum() for r in samples.rewards])

    def components(weights: Floats) -> tuple[float, float]:
        prompts, total = weights.sum(), weights @ sizes
        free = total - prompts
        if prompts < 2 or free <= 0:
            return float("nan"), float("nan")
        within = weights @ squares / free
        grand = weights @ (sizes * means) / total
        of_means = weights @ (sizes * (means - grand) ** 2) / (prompts - 1)
        each = (total - weights @ sizes**2 / total) / (prompts - 1)
        return float(within), max(0.0, float((of_means - within) / each))

    return components
