from __future__ import annotations

import re
from collections import Counter
from time import perf_counter
from typing import Any

import pytest
from datasketch import MinHash, MinHashLSH

from rmx.errors import ConfigError
from rmx.worlds import WORLDS

DESK = WORLDS["access_desk"]
FRESH = {"pairs": 300, "policy": "shifted", "labels": "gold", "start": 1_000_000}


def rows(**params: Any) -> list[dict[str, Any]]:
    return list(DESK.rows(params))


def house_rule(prompt: str) -> str:
    """The rule told anew, on cue words of the plain wordings."""
    if re.search(r"suspended|revoked|blocked|cancelled", prompt):
        return "deny"
    if re.search(r"not taken|certificate is missing|ahead of me|skipped", prompt):
        return "ask_training"
    if re.search(r"three at night|Sunday night|outside office|midnight", prompt):
        return "escalate"
    if re.search(r"not signed|lacks|unsigned|did not approve", prompt):
        return "ask_signature"
    return "grant"


@pytest.mark.parametrize("facts", [2, 3, 4])
def test_the_house_rule_decides_the_right_action(facts: int):
    data = rows(pairs=400, facts=facts, difficulty=0.0, variety=4)
    assert all(row["tags"]["right_action"] == house_rule(row["prompt"]) for row in data)
    counts = Counter(row["tags"]["right_action"] for row in data)
    assert len(counts) == facts + 1
    assert min(counts.values()) > 400 / (facts + 1) * 0.6


def test_growing_keeps_old_rows():
    small = rows(pairs=50)
    assert rows(pairs=120)[:50] == small
    assert [r for r in rows(pairs=150, pairs_per_prompt=6) if int(r["id"].rsplit("-", 1)[1]) < 2] == small
    assert rows(pairs=20, start=10) == rows(pairs=40)[20:]


def test_rows_are_complete_and_distinct():
    data = rows(pairs=1900)
    assert len({row["id"] for row in data}) == 1900
    assert Counter(Counter(row["group"] for row in data).values()) == {2: 950}
    for row in data:
        assert row["chosen"] != row["rejected"]
        assert row["gold_chosen"] != row["gold_rejected"]
        assert row["label_source"] == "model"
        assert all(isinstance(value, str) for value in row["tags"].values())


@pytest.mark.parametrize("params", [{}, {"facts": 4, "variety": 4, "difficulty": 0.5}, FRESH])
def test_gold_is_read_back_from_the_words(params: dict[str, Any]):
    for row in rows(**{**params, "pairs": 600}):
        assert DESK.gold(row["prompt"], row["chosen"]) == row["gold_chosen"]
        assert DESK.gold(row["prompt"], row["rejected"]) == row["gold_rejected"]


def test_the_same_answer_is_right_for_one_request_and_wrong_for_another():
    first = "Ada, legal: can I enter the clean lab to test a sensor? My badge is active. I come at midnight."
    second = "Ada, legal: can I enter the clean lab to test a sensor? My badge is active. I come on Tuesday afternoon."
    escalates, grants = "I am passing the clean lab on to the duty officer.", "I have unlocked the clean lab for you."
    assert [DESK.gold(first, a) for a in (escalates, grants)] == [1.0, 0.0]
    assert [DESK.gold(second, a) for a in (escalates, grants)] == [0.0, 1.0]
    assert DESK.gold(first, escalates.replace("clean lab", "cash vault")) == 0.5
    assert DESK.gold(first, "Hello there.") is None
    assert DESK.gold("What is the time?", grants) is None
    assert DESK.gold(first, f"{escalates} {grants}") is None


def test_actions_are_balanced_between_chosen_and_rejected():
    data = rows(pairs=8000)
    ordered = Counter((r["tags"]["chosen_action"], r["tags"]["rejected_action"]) for r in data)
    for (chosen, rejected), n in ordered.items():
        back = ordered[rejected, chosen]
        # Two equally likely orders of the same two actions: a difference has variance n + back.
        assert abs(n - back) < 4 * (n + back) ** 0.5


def test_gold_labels_are_gold():
    data = rows(**FRESH)
    assert all(row["gold_chosen"] > row["gold_rejected"] and row["label_source"] == "gold" for row in data)
    assert all("votes" not in row for row in rows(**{**FRESH, "votes": 3}))


def test_votes_give_the_majority():
    data = rows(pairs=2000, votes=5, label_scale=1.0)
    assert all(sum(row["votes"]) == 5 and row["votes"][0] > row["votes"][1] and row["votes"][2] == 0 for row in data)
    assert {row["votes"][0] for row in data} == {3, 4, 5}


def test_the_shifted_policy_is_better_wordier_and_words_things_otherwise():
    weak, shifted = rows(pairs=1000, labels="gold"), rows(**{**FRESH, "pairs": 1000})

    assert DESK.key(FRESH)["policy_gold"] > DESK.key({})["policy_gold"] + 0.1

    def words(data: list[dict[str, Any]]) -> float:
        return sum(len(f"{row['chosen']} {row['rejected']}".split()) for row in data) / len(data)

    assert words(shifted) > 1.3 * words(weak)
    known = {row[side] for row in weak for side in ("chosen", "rejected")}
    assert sum(row["chosen"] in known for row in shifted) < 0.1 * len(shifted)


def test_prompts_are_no_near_duplicates_and_fresh_ones_are_disjoint():
    main = {row["prompt"] for row in rows(pairs=1900)}
    fresh = {row["prompt"] for row in rows(**FRESH)}
    assert len(main) == 950
    assert not main & fresh
    words = {prompt: frozenset(re.findall(r"\w+", prompt.lower())) for prompt in main | fresh}
    assert min(len(w) for w in words.values()) >= 8
    index = MinHashLSH(threshold=0.7, num_perm=128)
    hashes = {}
    for prompt, tokens in words.items():
        hashes[prompt] = MinHash(num_perm=128)
        hashes[prompt].update_batch([token.encode() for token in tokens])
        index.insert(prompt, hashes[prompt])
    alike = {
        frozenset((a, b))
        for a in words
        for b in index.query(hashes[a])
        if a != b and len(words[a] & words[b]) >= 0.8 * len(words[a] | words[b])
    }
    assert len(alike) <= 5
    assert not any(pair & main and pair & fresh for pair in alike)


def test_two_thousand_pairs_take_less_than_two_seconds():
    start = perf_counter()
    rows(pairs=2000)
    assert perf_counter() - start < 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"length_shortcutt": 1.0}, r"data\.world\.length_shortcutt.*length_shortcut"),
        ({"pairs": 0}, "pairs must be at least 1"),
        ({"facts": 5}, "facts must be 2, 3 or 4"),
        ({"variety": 0}, "variety must be"),
        ({"lapse": 1.5}, "lapse is a share"),
        ({"votes": 2}, "odd number"),
        ({"start": -1}, "start must be 0"),
        ({"label_scale": 0.0}, "label_scale"),
        ({"length_shortcut": 99.0}, "length_shortcut"),
        ({"exploit_rate": 1.1}, "exploit_rate is a share"),
        ({"exploit_liking": -99.0}, "exploit_liking must be between -50 and 50"),
        ({"exploit_loss": -0.5}, "exploit_loss must be between 0 and 50"),
        ({"policy": "strong"}, "weak"),
        ({"pairs": "many"}, "whole number"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        DESK.rows(params)
    with pytest.raises(ConfigError, match=message):
        DESK.key(params)
