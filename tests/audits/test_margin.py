"""A3 against numpy and known distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from slices import ask, scores

from rmx.audits.margin import Margin


def test_quantiles_and_shares() -> None:
    margins = np.random.default_rng(0).normal(1, 2, 301)
    results = ask(Margin(draws=200), scores(margins))
    found = {metric: r.estimate for (_, _, metric), r in results.items()}
    for name, p in (("q05", 0.05), ("q25", 0.25), ("median", 0.5), ("q75", 0.75), ("q95", 0.95)):
        assert found[name] == np.quantile(margins, p, method="inverted_cdf")
    assert found["near_share"] == (np.abs(margins) < 0.1).mean()
    assert found["wrong_share"] == (margins < -2).mean()


def test_median_interval_covers_normal_theory() -> None:
    margins = np.random.default_rng(1).normal(0.5, 1, 2000)
    median = ask(Margin(draws=500), scores(margins))["heldout", "model", "median"]
    # Standard error of the median of a normal: sqrt(pi/2) / sqrt(n)
    assert median.ci_high - median.ci_low == pytest.approx(2 * 1.96 * np.sqrt(np.pi / 2 / 2000), rel=0.2)
    assert median.ci_low < 0.5 < median.ci_high


def test_same_table_same_draws() -> None:
    table = scores(np.random.default_rng(2).normal(size=60))
    assert ask(Margin(draws=100), table) == ask(Margin(draws=100), table)


def test_accuracy_rises_with_label_strength() -> None:
    rng = np.random.default_rng(3)
    strength = rng.integers(1, 4, 900).astype(float)
    margins = strength + rng.normal(0, 2, 900)
    rows = ask(Margin(draws=50), scores(margins, strength=strength))["heldout", "model", "median"].detail["by_strength"]
    assert [(r["from"], r["to"]) for r in rows] == [(1, 1), (2, 2), (3, 3)]
    for row, level in zip(rows, (1, 2, 3), strict=True):
        assert row["ci_low"] < norm.cdf(level / 2) < row["ci_high"]


def test_a_quarter_of_the_strengths_may_be_empty() -> None:
    # The lower quartile is interpolated to 1.75, between two strengths, so that no pair lies from there to 2.
    strength = [0, 0.2, 0.4, 0.6, 0.8, 1.0, *[2.0] * 17, 3.0]
    margins = np.random.default_rng(4).normal(size=24)
    median = ask(Margin(draws=50), scores(margins, strength=strength))["heldout", "model", "median"]
    rows = median.detail["by_strength"]
    assert [(r["from"], r["to"]) for r in rows] == [(0, 1), (2, 3)]
    assert median.estimate is not None


def _quantile(values: np.ndarray, name: str):
    return ask(Margin(draws=200, tolerance={name: (0, None)}), scores(values))["heldout", "model", name]


def test_few_equal_margins_prove_no_quantile() -> None:
    result = _quantile(np.full(3, 0.3), "median")
    assert (result.estimate, result.ci_low, result.status) == (0.3, None, "INCONCLUSIVE")


def test_a_point_stands_where_the_sample_cannot_have_missed_the_quantile() -> None:
    # Zero of 40 leaves up to 8.8% unseen: less than half, more than the twentieth below q05.
    assert _quantile(np.full(40, 0.3), "median").status == "PASS"
    assert _quantile(np.full(40, 0.3), "q05").ci_low is None
    assert _quantile(np.full(200, 0.3), "q05").status == "PASS"
