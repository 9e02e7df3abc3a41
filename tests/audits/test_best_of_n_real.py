"""Best-of-n on real answers: 24 models answer the prompts of AlpacaEval, GPT-4 says which beat the reference."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from samples import results, samples

from rmx.audits.best_of_n import BestOfN
from rmx.audits.gold_vs_proxy import GoldVsProxy
from rmx.score_table import CandidateTable

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def by_length(shared_data: Path) -> CandidateTable:
    """The answers to every prompt that has all of them; the reward of an answer is its length."""
    answers: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with gzip.open(shared_data / "alpaca-eval" / "comparisons.jsonl.gz", "rt") as file:
        for row in map(json.loads, file):
            assert row["generator_1"] == "text_davinci_003"
            if row["preference"] is not None:
                # 1: the reference is better, 2: the answer is; 0 and 1.5: neither.
                gold = row["preference"] - 1 if row["preference"] else 0.5
                answers[row["prompt"]].append((len(row["response_2"]), gold))
    whole = [np.array(rows, dtype=float) for rows in answers.values() if len(rows) == 24]
    assert len(whole) > 600
    return samples([rows[:, 0] for rows in whole], [rows[:, 1] for rows in whole])


def test_longest_of_four_wins_more_and_longest_of_twelve_less_again(by_length: CandidateTable) -> None:
    """GPT-4 likes longer answers, but the longest are not the best: length is over-optimised within a dozen answers."""
    found = results(BestOfN(), by_length)
    curve = {row["n"]: row for row in found["gain_sd"].detail["curve"]}
    assert curve[2]["gold_low"] > 0.15
    assert found["decline_sd"].detail["n_star_by_half"] == [4, 4]
    assert found["decline_sd"].alarm
    assert 0.03 < found["decline_sd"].estimate < 0.1
    assert curve[12]["proxy"] > curve[4]["proxy_high"]
    # The loss is small: what is left is still a gain over one answer.
    assert found["gain_sd"].ci_low > 0.1
    fit = results(GoldVsProxy(n_max=12), by_length)
    assert fit["beta"].ci_low > 0
    assert 0.4 < fit["peak_kl"].ci_low < fit["peak_kl"].ci_high < 1.2
