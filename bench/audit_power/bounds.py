"""How many of so many draws must, or may, turn out so: exact binomial quantiles."""

from __future__ import annotations

import math

__all__ = ["coverage_needed", "detections_needed", "false_alarms_allowed", "pooled_alarms_allowed"]

CELLS = 80
"""Cells that may all be right and yet, with chance .01, one is called wrong."""


def detections_needed(draws: int) -> int:
    """Return the 1% quantile of detections at power .99: 194 of 200."""
    from scipy.stats import binom

    return int(binom.ppf(0.01, draws, 0.99))


def false_alarms_allowed(draws: int) -> int:
    """Return the most false alarms of a cell at level .05, family chance .01 over `CELLS` cells: 23 of 200."""
    from scipy.stats import binom

    return int(binom.isf(0.01 / CELLS, draws, 0.05))


def pooled_alarms_allowed(draws: int, cells: int) -> int:
    """Return the most false alarms of all cells together: 6%, or the 1% quantile where there are few draws."""
    from scipy.stats import binom

    return max(math.floor(0.06 * draws * cells), int(binom.isf(0.01, draws * cells, 0.05)) if draws < 200 else 0)


def coverage_needed(draws: int) -> int:
    """Return how often a 95% interval must hold the truth: 90%, or less where that could be chance."""
    from scipy.stats import binom

    nine_in_ten = math.ceil(0.9 * draws)
    return nine_in_ten if draws >= 200 else min(nine_in_ten, int(binom.ppf(0.01 / CELLS, draws, 0.95)))
