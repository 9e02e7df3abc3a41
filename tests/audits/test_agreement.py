"""A12 against scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from slices import ask, scores

from rmx.audits.agreement import Agreement

AUDIT = Agreement(draws=200)


def _pairs(n: int = 300, seed: int = 0):
    rng = np.random.default_rng(seed)
    agreement = rng.choice([2 / 3, 0.75, 1.0], n)
    margins = np.round(rng.normal(2 * agreement - 1, 1), 1)
    return margins, agreement


def test_point_estimates_equal_the_libraries() -> None:
    margins, agreement = _pairs()
    results = ask(AUDIT, scores(margins, agreement=agreement))
    found = {metric: r.estimate for (_, _, metric), r in results.items()}
    size, divided = np.abs(margins), agreement < 1
    assert found["spearman"] == pytest.approx(spearmanr(size, agreement - 0.5).statistic)
    assert found["divided_auroc"] == pytest.approx(roc_auc_score(divided, -size))
    wins = (np.sign(margins) + 1) / 2
    assert found["accuracy_gap"] == pytest.approx(wins[~divided].mean() - wins[divided].mean())


def test_interval_is_near_fishers() -> None:
    margins, agreement = _pairs(600)
    result = ask(Agreement(draws=600), scores(margins, agreement=agreement))["heldout", "model", "spearman"]
    assert result.ci_high - result.ci_low == pytest.approx(2 * 1.96 / np.sqrt(597), rel=0.15)
    assert result.ci_low < result.estimate < result.ci_high


def test_disputed_pairs_are_pooled() -> None:
    margins, agreement = _pairs()
    sure = agreement == 1
    heldout = scores(margins[sure], agreement=agreement[sure], groups=np.flatnonzero(sure))
    disputed = scores(margins[~sure], agreement=agreement[~sure], groups=np.flatnonzero(~sure), slice="disputed")
    pooled = ask(AUDIT, heldout, disputed)["heldout", "model", "accuracy_gap"]
    together = ask(AUDIT, scores(margins, agreement=agreement))["heldout", "model", "accuracy_gap"]
    assert pooled.estimate == pytest.approx(together.estimate)
    assert (pooled.n_pairs, pooled.n_groups) == (300, 300)
    assert pooled.detail["pooled"] == ["heldout", "disputed"]
    assert [level["n_pairs"] for level in pooled.detail["levels"]] == [(agreement == a).sum() for a in (2 / 3, 0.75, 1)]


def test_constant_or_missing_agreement() -> None:
    assert {r.reason for r in ask(AUDIT, scores([1.0, 2.0], agreement=[1.0, 1.0])).values()} == {"not_applicable"}
    assert {r.reason for r in ask(AUDIT, scores([1.0, 2.0])).values()} == {"not_provided"}
