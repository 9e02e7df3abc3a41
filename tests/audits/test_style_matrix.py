"""A6i against the published way of counting, written out, and the cluster bootstrap."""

from __future__ import annotations

import json

import numpy as np
import pytest
from slices import ask, scores

from rmx.audits.statistics import Clusters, bootstrap
from rmx.audits.style_matrix import StyleMatrix
from rmx.domain import AuditResult
from rmx.score_table import ScoreTable

STYLES = ("concise", "detailed", "detailed_markdown")
AUDIT = StyleMatrix(slices=("heldout",))


def table(chosen: np.ndarray, rejected: np.ndarray, domains: list[str] | None) -> ScoreTable:
    """Rewards of items by style, (items, 3) of each side."""
    cells = [(k, i, j) for k in range(len(chosen)) for i in range(3) for j in range(3)]
    tags = [
        {"style_chosen": STYLES[i], "style_rejected": STYLES[j], **({"domain": domains[k]} if domains else {})}
        for k, i, j in cells
    ]
    low = np.array([rejected[k, j] for k, _, j in cells])
    high = np.array([chosen[k, i] for k, i, _ in cells])
    return scores(high - low, rejected=low, groups=[k for k, _, _ in cells], tags=[json.dumps(t) for t in tags])


def published(chosen: np.ndarray, rejected: np.ndarray) -> tuple[float, float, float]:
    """Hard, normal and easy accuracy as the README of RM-Bench defines them."""
    matrix = np.array([[np.mean(chosen[:, i] > rejected[:, j]) for j in range(3)] for i in range(3)])
    upper = np.sum(np.triu(matrix, 1)) / 3
    return upper, np.mean(np.diag(matrix)), np.sum(np.tril(matrix, -1)) / 3


def items(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ease = rng.normal(0.3, 0.7, (n, 1))
    style = np.array([0.0, 0.5, 0.9])
    return ease + style + rng.normal(0, 0.6, (n, 3)), style + rng.normal(0, 0.6, (n, 3))


def found(scored: ScoreTable) -> dict[str, AuditResult]:
    return {metric: result for (_, _, metric), result in ask(AUDIT, scored).items()}


def test_each_domain_counts_the_same() -> None:
    sizes = {"chat": 129, "code": 228, "safety": 40}
    parts = {name: items(n, seed=n) for name, n in sizes.items()}
    chosen, rejected = (np.concatenate([p[k] for p in parts.values()]) for k in (0, 1))
    results = found(table(chosen, rejected, [name for name, n in sizes.items() for _ in range(n)]))
    expected = np.mean([published(*part) for part in parts.values()], axis=0)
    for metric, value in zip(("hard_accuracy", "normal_accuracy", "easy_accuracy"), expected, strict=True):
        assert results[metric].estimate == pytest.approx(value)
        assert (results[metric].n_pairs, results[metric].n_groups) == (3 * 397, 397)
    gap = results["style_gap"]
    assert gap.estimate == pytest.approx(expected[2] - expected[0])
    assert gap.alarm
    assert np.array(gap.detail["domains"]["chat"])[2, 0] == pytest.approx(
        np.mean(parts["chat"][0][:, 2] > parts["chat"][1][:, 0])
    )
    means = np.mean([np.array(m) for m in gap.detail["domains"].values()], axis=0)
    assert np.array(gap.detail["matrix"]) == pytest.approx(means)


def test_standard_errors_agree_with_the_cluster_bootstrap() -> None:
    chosen, rejected = items(300)
    results = found(table(chosen, rejected, None))
    assert list(results["style_gap"].detail["domains"]) == ["all"]

    def again(weights: np.ndarray) -> np.ndarray:
        rows = np.repeat(np.arange(300), weights.astype(int))
        hard, normal, easy = published(chosen[rows], rejected[rows])
        return np.array([hard, normal, easy, easy - hard])

    spread = bootstrap(again, Clusters(np.arange(300)), draws=600, seed=0).std(axis=0)
    for metric, error in zip(("hard_accuracy", "normal_accuracy", "easy_accuracy", "style_gap"), spread, strict=True):
        assert results[metric].mde / 2.8 == pytest.approx(error, rel=0.12)


def test_a_scorer_that_sees_style_alone_is_right_where_it_is_easy_and_wrong_where_it_is_hard() -> None:
    style = np.tile([0.0, 1.0, 2.0], (30, 1))
    results = found(table(style, style, None))
    estimates = {metric: result.estimate for metric, result in results.items()}
    assert estimates == {"easy_accuracy": 1.0, "normal_accuracy": 0.5, "hard_accuracy": 0.0, "style_gap": 1.0}


def test_missing_and_odd_tags_are_named() -> None:
    full = table(*items(20), None)
    untagged = full.table.set_column(full.table.schema.get_field_index("tags"), "tags", [[""] * len(full)])
    assert {r.reason for r in found(ScoreTable(untagged)).values()} == {"not_provided"}
    one_cell = ScoreTable(full.table.slice(0, 8))
    assert all("no pair of" in r.reason for r in found(one_cell).values())
    odd = scores([1.0], tags=[json.dumps({"style_chosen": "loud", "style_rejected": "concise"})])
    assert all("'loud'" in r.reason for r in found(odd).values())
