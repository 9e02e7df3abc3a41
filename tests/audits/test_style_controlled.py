"""A6iii against statsmodels, every pair read from both sides."""

from __future__ import annotations

import json

import numpy as np
import pytest
import statsmodels.api as sm
from slices import ask, scores

from rmx.audits.style_controlled import FEATURES, StyleControlled
from rmx.data.style import STYLE_FEATURES
from rmx.domain import AuditResult
from rmx.score_table import ScoreTable

SIDES = ("chosen", "rejected")


def world(n: int = 500, seed: int = 0, liking: float = 0.6) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Margins that like lists, counts by column name, and groups."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 90, n)
    counts = {f"{side}_tokens": rng.integers(10, 200, n) for side in SIDES}
    counts |= {f"{side}_{name}": rng.poisson(2, n) for name in STYLE_FEATURES for side in SIDES}
    lists = counts["chosen_lists"] - counts["rejected_lists"]
    margins = 0.7 + rng.normal(0, 1, n) + 0.4 * rng.normal(size=90)[groups] + liking * lists / 3
    return margins, counts, groups


def table(margins: np.ndarray, counts: dict[str, np.ndarray], groups: np.ndarray) -> ScoreTable:
    names = [f"{side}_{name}" for name in STYLE_FEATURES for side in SIDES]
    tags = [json.dumps({name: str(counts[name][i]) for name in names}) for i in range(len(margins))]
    lengths = {name: counts[name].tolist() for name in ("chosen_tokens", "rejected_tokens")}
    return scores(margins, groups=groups, tags=tags, **lengths)


def differences(counts: dict[str, np.ndarray]) -> np.ndarray:
    """Arena's relative differences in deviations, both sides read, so that their mean is 0."""
    columns = []
    for name in ("tokens", *STYLE_FEATURES):
        mine, other = counts[f"chosen_{name}"], counts[f"rejected_{name}"]
        x = np.divide(mine - other, mine + other, out=np.zeros(len(mine)), where=mine + other > 0)
        columns.append(x / np.concatenate([x, -x]).std())
    return np.column_stack(columns)


def found(*columns) -> dict[str, AuditResult]:
    return {metric: result for (_, _, metric), result in ask(StyleControlled(), table(*columns)).items()}


def test_slopes_are_least_squares_on_both_sides_with_clustered_errors() -> None:
    margins, counts, groups = world()
    x, y = differences(counts), margins / margins.std()
    label = np.ones(len(y))
    both = sm.OLS(np.concatenate([y, -y]), np.concatenate([np.column_stack([x, label]), -np.column_stack([x, label])]))
    clusters = np.concatenate([groups, groups])
    fit = both.fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False})
    results = found(margins, counts, groups)
    small = np.sqrt(len(set(groups.tolist())) / (len(set(groups.tolist())) - 1))
    for k, name in enumerate(FEATURES):
        result = results[f"{name}_slope_sd"]
        assert result.estimate == pytest.approx(fit.params[k])
        assert result.mde / 2.8 == pytest.approx(fit.bse[k] * small)
    assert results["lists_slope_sd"].alarm
    assert not results["bold_slope_sd"].alarm


def test_log_odds_are_a_bradley_terry_fit_with_clustered_errors() -> None:
    margins, counts, groups = world()
    terms = np.column_stack([differences(counts), margins / margins.std()])
    label = np.concatenate([np.ones(len(margins)), np.zeros(len(margins))])
    model = sm.GLM(label, np.concatenate([terms, -terms]), family=sm.families.Binomial())
    clusters = np.concatenate([groups, groups])
    fit = model.fit(tol=1e-12, cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False})
    results = found(margins, counts, groups)
    small = np.sqrt(90 / 89)
    for k, name in enumerate(FEATURES):
        result = results[f"{name}_log_odds"]
        assert result.estimate == pytest.approx(fit.params[k], rel=1e-6)
        assert result.mde / 2.8 == pytest.approx(fit.bse[k] * small, rel=1e-5)


def test_swapping_every_label_turns_the_margin_and_leaves_the_slopes() -> None:
    margins, counts, groups = world(200)
    other = {"chosen": "rejected", "rejected": "chosen"}
    turned = {f"{other[name.partition('_')[0]]}_{name.partition('_')[2]}": x for name, x in counts.items()}
    base, swapped = found(margins, counts, groups), found(-margins, turned, groups)
    for name in FEATURES:
        assert swapped[f"{name}_slope_sd"].estimate == pytest.approx(base[f"{name}_slope_sd"].estimate)


def test_what_never_differs_or_separates_the_labels_has_no_number() -> None:
    margins, counts, groups = world(200)
    counts["rejected_bold"] = counts["chosen_bold"]
    results = found(margins, counts, groups)
    assert results["bold_slope_sd"].reason == "bold of the two sides never differ"
    assert results["lists_slope_sd"].detail["adjusted_for"] == ["length", "headers"]
    perfect = found(np.abs(margins) + 0.1, counts, groups)
    assert perfect["lists_log_odds"].reason == "separates the labels"
    assert perfect["lists_slope_sd"].estimate is not None


def test_without_counts_not_provided() -> None:
    results = ask(StyleControlled(), scores([1.0, 2.0], chosen_tokens=[3, 4], rejected_tokens=[4, 3]))
    assert {r.reason for r in results.values()} == {"not_provided"}
    odd = [json.dumps({f"{side}_{name}": "few" for name in STYLE_FEATURES for side in SIDES})]
    results = ask(StyleControlled(), scores([1.0], chosen_tokens=[3], rejected_tokens=[4], tags=odd))
    assert all("must be a number" in r.reason for r in results.values())
