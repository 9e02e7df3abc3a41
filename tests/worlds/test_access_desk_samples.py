"""Samples of the access desk: gold read back from the words, the policy's own law, earlier draws left alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from rmx.errors import ConfigError
from rmx.worlds import WORLDS

DESK = WORLDS["access_desk"]


def draw(prompts: int, per_prompt: int, **params: Any) -> list[dict[str, Any]]:
    assert DESK.samples is not None
    return list(DESK.samples(params, prompts, per_prompt))


@pytest.mark.parametrize("params", [{}, {"facts": 4, "variety": 4, "difficulty": 0.5}, {"policy": "shifted"}])
def test_gold_is_read_back_from_the_words(params: dict[str, Any]) -> None:
    for row in draw(40, 8, **params):
        assert [DESK.gold(row["prompt"], c) for c in row["completions"]] == row["gold"]


@pytest.mark.parametrize("policy", ["weak", "shifted"])
def test_answers_follow_the_policys_law(policy: str) -> None:
    golds = [g for row in draw(100, 40, policy=policy) for g in row["gold"]]
    expected = DESK.key({"policy": policy})["policy_gold"]
    # Gold lies between -.5 and 1, so its deviation is below .75.
    assert sum(golds) / len(golds) == pytest.approx(expected, abs=4 * 0.75 / len(golds) ** 0.5)
    assert set(Counter(golds)) == {-0.5, 0.0, 0.5, 1.0}


def test_more_prompts_or_answers_leave_the_others_alone() -> None:
    small = draw(5, 4)
    large = draw(9, 6)[:5]
    assert [row["completions"][:4] for row in large] == [row["completions"] for row in small]
    assert [row["prompt"] for row in large] == [row["prompt"] for row in small]


def test_prompts_are_those_of_the_pairs_with_the_same_numbers() -> None:
    pairs = {row["group"]: row["prompt"] for row in DESK.rows({"pairs": 6, "pairs_per_prompt": 1, "start": 50})}
    assert {row["group"]: row["prompt"] for row in draw(6, 2, start=50)} == pairs


def test_unknown_dials_are_refused() -> None:
    with pytest.raises(ConfigError, match="stat"):
        draw(1, 1, stat=3)
