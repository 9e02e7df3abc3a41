"""Reliability: how often the preferred completion is right against how sure the reward is of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ReliabilityBin", "expected_calibration_error", "reliability_bins"]

FEWEST_PER_BIN = 20
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Pairs of about equal confidence; `low` and `high` bound `accuracy` in 95% of calibrated models."""

    confidence: float
    accuracy: float
    low: float
    high: float
    pairs: int


def reliability_bins(
    margins: Floats, groups: NDArray[np.int64], *, bins: int = 10, fewest: int = FEWEST_PER_BIN
) -> list[ReliabilityBin]:
    """Bin pairs by confidence into `bins` equally filled bins, fewer where a bin would hold less than `fewest` pairs.

    The label "chosen wins" is constant, so a pair is read from the preferred side: confidence sigma(|margin|) in
    [.5, 1], right if the margin is positive, half right on a tie. The null band of a bin is its mean confidence
    ± 1.96 standard errors of accuracy minus confidence under calibration: the larger of the binomial one and the one
    that sums residuals within groups first (residuals have mean zero under calibration, so no centring).
    """
    confidence, right = _folded(margins)
    count = max(1, min(bins, len(margins) // fewest))
    found = []
    for members in np.array_split(np.argsort(confidence, kind="stable"), count):
        c, n = confidence[members], len(members)
        by_group = np.bincount(groups[members], weights=right[members] - c)
        error = np.sqrt(max(float((c * (1 - c)).sum()), float((by_group**2).sum()))) / n
        low, high = np.clip(c.mean() + np.array([-1.96, 1.96]) * error, 0, 1)
        found.append(ReliabilityBin(float(c.mean()), float(right[members].mean()), float(low), float(high), n))
    return found


def expected_calibration_error(
    margins: Floats, *, bins: int = 15, draws: int = 200, seed: int = 0
) -> tuple[float, float, float]:
    """Return ECE in equally filled bins, and its mean and 95th percentile if the reward were perfectly calibrated.

    The ECE of a perfect reward is far from zero on few pairs, so it means nothing without what calibration would give:
    labels are drawn `draws` times from the reward's own probabilities.
    """
    confidence, right = _folded(margins)
    order = np.argsort(confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    edges = np.linspace(0, len(order), min(bins, len(order)) + 1).astype(int)[:-1]

    def error(outcome: Floats) -> float:
        return float(np.abs(np.add.reduceat(outcome - confidence, edges)).sum() / len(outcome))

    generator = np.random.default_rng(seed)
    null = [error((generator.random(len(confidence)) < confidence).astype(float)) for _ in range(draws)]
    return error(right), float(np.mean(null)), float(np.quantile(null, 0.95))


def _folded(margins: Floats) -> tuple[Floats, Floats]:
    return 1 / (1 + np.exp(-np.abs(margins))), (np.sign(margins) + 1) / 2
