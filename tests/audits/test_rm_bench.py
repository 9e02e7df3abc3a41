"""RM-Bench against its own way of counting, and the rows of its published files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from slices import ask
from test_style_matrix import items, published, table

from rmx.audits.benchmarks.benchmark import weighted_mean
from rmx.audits.benchmarks.rm_bench import PUBLISHED, RMBench
from rmx.config.load import compose_config
from rmx.data.slices import build_slice
from rmx.domain import AuditResult
from rmx.score_table import Comparisons, ScoreTable, join_scores
from rmx.scorers import build_baseline
from rmx.scorers.slice_texts import collect_texts


def found(scored: ScoreTable) -> dict[str, AuditResult]:
    answered = ask(RMBench(slices=("heldout",)), scored)
    return {metric: r for (_, scorer, metric), r in answered.items() if scorer == "model"}


def test_the_printed_overall_of_a_published_judge() -> None:
    """DeepSeek-R1, as the README of THU-KEG/RM-Bench prints it; it cuts the third digit."""
    domains = dict(zip(PUBLISHED, (84.24, 72.66, 93.59, 90.65), strict=True))
    overall = weighted_mean(domains, dict.fromkeys(PUBLISHED, 1.0))
    assert int(100 * round(overall, 6)) / 100 == 85.28


def test_domains_and_difficulties_as_published_and_a_tie_is_wrong() -> None:
    sizes = {"chat": 129, "code": 228, "math": 40, "safety": 441}
    # Rewards of one decimal: about one pair in twenty is tied.
    parts = {name: tuple(np.round(side, 1) for side in items(n, seed=n)) for name, n in sizes.items()}
    chosen, rejected = (np.concatenate([p[k] for p in parts.values()]) for k in (0, 1))
    results = found(table(chosen, rejected, [name for name, n in sizes.items() for _ in range(n)]))
    by_domain = {name: published(*part) for name, part in parts.items()}
    for name, value in by_domain.items():
        assert results[f"{name}_accuracy"].estimate == pytest.approx(np.mean(value))
    for metric, value in zip(("hard", "normal", "easy"), np.mean(list(by_domain.values()), axis=0), strict=True):
        assert results[f"{metric}_accuracy"].estimate == pytest.approx(value)
    overall = results["accuracy"]
    assert overall.estimate == pytest.approx(np.mean([np.mean(value) for value in by_domain.values()]))
    assert (overall.reason, overall.n_pairs, overall.n_groups) == ("", 9 * 838, 838)
    assert overall.ci_low < overall.estimate < overall.ci_high


def test_style_alone_is_worth_one_third_where_ties_are_wrong() -> None:
    style = np.tile([0.0, 1.0, 2.0], (30, 1))
    results = found(table(style, style, ["chat"] * 30))
    assert [results[f"{m}_accuracy"].estimate for m in ("easy", "normal", "hard")] == [1.0, 0.0, 0.0]
    assert results["accuracy"].estimate == pytest.approx(1 / 3)
    assert results["accuracy"].reason == (
        "not the whole benchmark: 30 of 798 published items were scored, none of code, math, safety"
    )
    assert results["math_accuracy"].reason == "not_provided"


def test_other_domains_are_named() -> None:
    full = table(*items(3), ["poetry"] * 3)
    assert "'poetry'" in found(full)["accuracy"].reason
    assert json.loads(full.table["tags"][0].as_py())["domain"] == "poetry"


@pytest.mark.real_data
def test_the_published_files_of_two_domains_run_through(shared_data: Path, tmp_path: Path) -> None:
    """By length alone, recounted from the rows."""
    folder = shared_data / "rm-bench"
    config = compose_config(
        "evaluate", ["reward=r", "slice=rm_bench", f"slice.rm_bench.data.path='{folder}/*.gz'"], run=tmp_path
    )
    pairs = build_slice("rm_bench", config.slice["rm_bench"], None, config.data).pairs
    texts = collect_texts("rm_bench", pairs)
    longer = texts.scored("longer", build_baseline("longer").score(texts.candidates))
    results = ask(RMBench(), join_scores(longer, Comparisons.from_pairs(pairs, slice="rm_bench")))
    expected = []
    for file, domain in (("chat", "chat"), ("safety-response", "safety")):
        with gzip.open(folder / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = list(map(json.loads, lines))
        sides = (np.array([[len(t) for t in row[side]] for row in rows]) for side in ("chosen", "rejected"))
        expected.append(published(*sides))
        assert results["rm_bench", "longer", f"{domain}_accuracy"].estimate == pytest.approx(np.mean(expected[-1]))
    overall = results["rm_bench", "longer", "accuracy"]
    assert overall.estimate == pytest.approx(np.mean(expected))
    assert overall.reason.endswith("286 of 798 published items were scored, none of code, math")
    assert results["rm_bench", "longer", "chat_accuracy"].reason == ""
    for metric, value in zip(("hard", "normal", "easy"), np.mean(expected, axis=0), strict=True):
        assert results["rm_bench", "longer", f"{metric}_accuracy"].estimate == pytest.approx(value)
