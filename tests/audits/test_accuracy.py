"""A1 against hand counts, symmetries, and a published benchmark figure."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slices import ask, one, scores

from rmx.audits.accuracy import Accuracy
from rmx.score_table import ScoreTable, read_scores

MARGINS = st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=2, max_size=40)


def test_counts_ties_one_half() -> None:
    result = one(Accuracy(), scores([2.0, 0.0, -1.0, 3.0], groups=[0, 0, 1, 2]))
    assert result.estimate == 0.625
    assert (result.n_pairs, result.n_groups, result.detail["ties"]) == (4, 3, 1)
    assert "only 3 groups" in result.reason


@given(MARGINS)
def test_swapping_labels_mirrors_accuracy_and_interval(margins: list[float]) -> None:
    groups = [i // 2 for i in range(len(margins))]
    result, mirror = (one(Accuracy(), scores(m, groups=groups)) for m in (np.array(margins), -np.array(margins)))
    assert mirror.estimate == pytest.approx(1 - result.estimate)
    if result.ci_low is not None:
        assert (mirror.ci_low, mirror.ci_high) == pytest.approx((1 - result.ci_high, 1 - result.ci_low))


@given(MARGINS, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(margins: list[float], random) -> None:
    table = scores(margins, groups=[i % 5 for i in range(len(margins))])
    order = list(range(len(margins)))
    random.shuffle(order)
    shuffled = ScoreTable(table.table.take(order))
    assert one(Accuracy(), shuffled) == one(Accuracy(), table)
    assert shuffled.digest == table.digest


def test_identical_texts_are_all_ties() -> None:
    result = one(Accuracy(), scores(np.zeros(30), rejected=np.arange(30.0)))
    assert result.estimate == 0.5
    assert not result.alarm


def test_every_scorer_is_answered_for_the_judged_one_first() -> None:
    baseline = scores([-1.0] * 20, scorer="longer")
    results = ask(Accuracy(), scores([1.0] * 20), baseline)
    assert [scorer for _, scorer, _ in results] == ["model", "longer"]


def test_tolerance_decides_status_and_says_how_many_pairs_it_needs() -> None:
    audit = Accuracy(tolerance={"accuracy": (0.6, None)})
    few = one(audit, scores([1.0] * 14 + [-1.0] * 6))
    assert few.status == "INCONCLUSIVE"
    # p = .7, so SE = sqrt(.21/19) and n = 20 · (2.8 · SE / .1)²
    assert few.detail["n_needed"] == pytest.approx(20 * 2.8**2 * 0.21 / 19 / 0.01, abs=1)
    assert few.mde == pytest.approx(2.8 * np.sqrt(0.21 / 19))
    assert one(audit, scores([1.0] * 700 + [-1.0] * 300)).status == "PASS"
    assert one(audit, scores([1.0] * 300 + [-1.0] * 700)).status == "FAIL"


def test_groups_widen_the_interval() -> None:
    wins = np.repeat(np.tile([1.0, 1.0, -1.0], 20), 6)
    alone, clustered = (one(Accuracy(), scores(wins, groups=g)) for g in (None, np.repeat(np.arange(60), 6)))
    ratio = (clustered.ci_high - clustered.ci_low) / (alone.ci_high - alone.ci_low)
    assert ratio == pytest.approx(np.sqrt(6), rel=0.05)


@pytest.mark.real_data
def test_judgebench_scores_give_the_published_accuracy(shared_data: Path, tmp_path: Path) -> None:
    """GRM-Gemma-2B on JudgeBench: 59.43. There a tie counts as B, here one half; these scores have none."""
    with gzip.open(shared_data / "judgebench-scores" / "grm-gemma-2b.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    foreign = tmp_path / "judgebench.jsonl"
    with foreign.open("w") as file:
        for row in rows:
            a, b = row["score_A"], row["score_B"]
            chosen, rejected = (a, b) if row["label"] == "A>B" else (b, a)
            group = f"{row['source']}/{row['original_id'] or row['pair_id']}"  # most rows have no original_id
            pair = {"pair_id": row["pair_id"], "group": group, "source": row["source"]}
            file.write(json.dumps(pair | {"chosen_reward": chosen, "rejected_reward": rejected}) + "\n")
    result = one(Accuracy(), read_scores(foreign))
    assert result.detail["ties"] == 0
    assert round(100 * result.estimate, 2) == 59.43
    assert result.n_pairs == 350
    assert 0.54 < result.ci_low < 0.55
    assert 0.64 < result.ci_high < 0.65
