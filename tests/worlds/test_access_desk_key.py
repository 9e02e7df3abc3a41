from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from rmx.domain import Candidate, Message, Origin, PreferencePair
from rmx.scorers import build_baseline
from rmx.worlds import WORLDS
from rmx.worlds.access_desk.lengths import length_law, words_sd
from rmx.worlds.access_desk.phrases import PLACES

DESK = WORLDS["access_desk"]
DIALS = [
    {},
    {"length_shortcut": 2.0},
    {"length_shortcut": -1.0, "lapse": 0.3, "label_scale": 1.0},
    {"facts": 4, "variety": 2, "votes": 3, "length_shortcut": 1.0},
    {"policy": "shifted", "labels": "gold"},
    {"exploit_rate": 0.1, "exploit_liking": 7.0, "exploit_loss": 1.5, "variety": 1},
    {"exploit_rate": 0.4, "exploit_liking": -1.5, "exploit_loss": 0.2, "length_shortcut": 1.5, "votes": 3},
    {"exploit_rate": 0.3, "exploit_loss": 0.5, "labels": "gold", "facts": 2},
]


def pairs_of(**params: Any) -> list[PreferencePair]:
    return [
        PreferencePair(
            row["id"],
            (Message("user", row["prompt"]),),
            row["chosen"],
            row["rejected"],
            Origin("world", number),
            group=row["group"],
        )
        for number, row in enumerate(DESK.rows(params), start=1)
    ]


def seals(text: str) -> int:
    return int(text.endswith("This note bears the blue seal."))


def accuracy(margins: np.ndarray) -> float:
    return float(np.mean((margins > 0) + 0.5 * (margins == 0)))


@pytest.mark.parametrize("dials", DIALS)
def test_the_key_agrees_with_simulation(dials: dict[str, Any]):
    """What the key sums, counted in drawn rows, within four standard errors."""
    n = 12_000
    key = DESK.key(dials)
    data = list(DESK.rows({**dials, "pairs": n, "pairs_per_prompt": 1}))
    gold = np.array([row["gold_chosen"] - row["gold_rejected"] for row in data])
    words = np.array([len(row["chosen"].split()) - len(row["rejected"].split()) for row in data])
    sealed = np.array([seals(row["chosen"]) - seals(row["rejected"]) for row in data])
    scale, bias = dials.get("label_scale", 4.0), dials.get("length_shortcut", 0.0)
    liking, loss = dials.get("exploit_liking", 0.0), dials.get("exploit_loss", 0.0)
    # What annotators see of gold: the phrase costs them nothing.
    margins = scale * (gold + loss * sealed) + bias * words / key["words_sd"] + liking * sealed
    near = 4 * 0.5 / math.sqrt(n)
    assert accuracy(gold) == pytest.approx(key["label_matches_gold"], abs=near)
    # The ideal scorer knows what annotators like; no scorer can do better on average. Labels of gold are gold's order.
    ideal = gold if dials.get("labels") == "gold" else margins
    assert accuracy(ideal) == pytest.approx(key["bayes_accuracy"], abs=near)
    assert np.mean(words[words != 0] > 0) == pytest.approx(key["longer_wins"], abs=near * 1.1)
    assert np.std(margins) == pytest.approx(key["margin_sd"], rel=0.05)
    assert key["length_effect_per_word"] == pytest.approx(bias / key["words_sd"] / key["margin_sd"])
    assert key["exploit_effect"] == pytest.approx((liking + bias * 6 / key["words_sd"]) / key["margin_sd"])


@pytest.mark.parametrize("dials", DIALS)
def test_a_scorer_that_misreads_every_request_is_as_accurate_as_the_key_says(dials: dict[str, Any]):
    n = 8_000
    key = DESK.key(dials)
    actions = ["grant", "deny", "ask_training", "escalate", "ask_signature"][: dials.get("facts", 3) + 1]
    margins = []
    for number, row in enumerate(DESK.rows({**dials, "pairs": n, "pairs_per_prompt": 1})):
        wrong = [action for action in actions if action != row["tags"]["right_action"]]
        believed = wrong[number % len(wrong)]

        def reward(side: str, row: dict[str, Any] = row, believed: str = believed) -> float:
            sealed = seals(row[side])
            placed = row[f"gold_{side}"] + dials.get("exploit_loss", 0.0) * sealed in (1.0, 0.0)
            merit = 1.0 * (row["tags"][f"{side}_action"] == believed) - 0.5 * (not placed)
            if dials.get("labels") == "gold":
                return merit - dials.get("exploit_loss", 0.0) * sealed
            liked = dials.get("label_scale", 4.0) * merit + dials.get("exploit_liking", 0.0) * sealed
            return liked + dials.get("length_shortcut", 0.0) * len(row[side].split()) / key["words_sd"]

        margins.append(round(reward("chosen") - reward("rejected"), 9))
    assert accuracy(np.array(margins)) == pytest.approx(key["misreading_accuracy"], abs=4 * 0.5 / math.sqrt(n))


@pytest.mark.parametrize(
    "dials",
    [
        {"exploit_rate": 0.1, "exploit_liking": 7.0, "exploit_loss": 1.5},
        {"exploit_rate": 0.3, "exploit_liking": 2.0, "label_scale": 1.0, "facts": 2},
        {"exploit_rate": 0.3, "exploit_loss": 0.5, "labels": "gold"},
    ],
)
def test_what_the_answers_alone_give_away_is_who_carries_the_phrase(dials: dict[str, Any]):
    """The best rule of the answers alone, read off drawn pairs: there are few kinds, each drawn often."""
    n = 8_000
    wins: dict[tuple[object, ...], list[int]] = {}
    for number, row in enumerate(DESK.rows({**dials, "pairs": n, "pairs_per_prompt": 1})):
        actions = [row["tags"][f"{side}_action"] for side in ("chosen", "rejected")]
        same_place = len({place for place in PLACES if place in f"{row['chosen']} {row['rejected']}"}) == 1
        seen = [seals(row[side]) for side in ("chosen", "rejected")]
        # Either order is one view: the first of the two is chosen by the number of the row.
        order = 1 if number % 2 else -1
        view = (same_place, actions[0] == actions[1], *seen[::order])
        wins.setdefault(view, [0, 0])[number % 2] += 1
    found = sum(max(counts) for counts in wins.values()) / n
    assert found == pytest.approx(DESK.key(dials)["response_only_accuracy"], abs=4 * 0.5 / math.sqrt(n))


def test_outcomes_of_pairs_follow_from_independent_answers():
    n = 12_000
    data = list(DESK.rows({"pairs": n, "pairs_per_prompt": 1, "labels": "gold"}))
    drawn = Counter((row["gold_chosen"], row["gold_rejected"]) for row in data)
    one = {1.0: 0.5 * 0.95, 0.5: 0.5 * 0.05, 0.0: 0.5 * 0.95, -0.5: 0.5 * 0.05}
    pairs = {(a, b): 2 * one[a] * one[b] for a in one for b in one if a > b}
    for outcome, weight in pairs.items():
        p = weight / sum(pairs.values())
        assert drawn[outcome] / n == pytest.approx(p, abs=4.5 * math.sqrt(p * (1 - p) / n))
    assert DESK.key({})["policy_gold"] == pytest.approx(sum(gold * p for gold, p in one.items()))


@pytest.mark.parametrize("policy", ["weak", "shifted"])
def test_lengths_are_distributed_as_the_law_says(policy: str):
    data = list(DESK.rows({"pairs": 8000, "policy": policy}))
    sides = [(row["tags"][f"{s}_action"], len(row[s].split())) for row in data for s in ("chosen", "rejected")]
    for action in ("grant", "deny", "ask_training", "escalate"):
        counts = Counter(n for a, n in sides if a == action)
        law = length_law(policy, action, 3)
        assert law.sum() == pytest.approx(1)
        total = sum(counts.values())
        off = [(counts[n] - p * total) / math.sqrt(total * p * (1 - p)) for n, p in enumerate(law) if 0 < p < 1]
        assert max(map(abs, off)) < 5
        assert all(law[n] > 0 for n in counts)
    assert np.std([n for _, n in sides]) == pytest.approx(words_sd(policy, 3, 3), rel=0.03)


def test_without_a_shortcut_the_answer_alone_says_nothing():
    for dials in ({}, {"facts": 2}, {"facts": 4, "variety": 4}, {"policy": "shifted"}, {"lapse": 0.5}):
        key = DESK.key(dials)
        assert key["response_only_accuracy"] == pytest.approx(0.5)
        assert key["longer_wins"] == pytest.approx(0.5)
        assert key["length_effect_per_word"] == 0


def test_the_ceiling_stands_high_enough():
    assert DESK.key({})["bayes_accuracy"] >= 0.85
    assert DESK.key({"length_shortcut": 2.0})["bayes_accuracy"] >= 0.85


def test_length_is_learnt_in_order_of_its_dose():
    doses = [DESK.key({"length_shortcut": b}) for b in (0.0, 0.5, 1.0, 2.0, 4.0)]
    for name in ("longer_wins", "response_only_accuracy", "length_effect_per_word"):
        values = [key[name] for key in doses]
        assert values == sorted(values)
        assert values[-1] > values[0]
    # Padding of ten words, as the length probe adds to such answers, is worth far more than the gate's 0.2.
    assert 10 * doses[3]["length_effect_per_word"] > 0.8


def test_bag_of_words_learns_nothing_and_interactions_do():
    """Five seeds: 1,000 pairs to fit, 800 of other prompts to judge."""
    for seed in range(5):
        data = pairs_of(pairs=1800, seed=seed)
        train, heldout = data[:1000], data[1000:]
        bag = build_baseline("bag_of_words", train)
        chosen, rejected = (
            bag.score([Candidate("", p.prompt, getattr(p, side)) for p in heldout]) for side in ("chosen", "rejected")
        )
        assert accuracy(chosen - rejected) <= 0.60
        # Words of the prompt times words of the answer, nothing pretrained: a reward model should do better still.
        assert accuracy(interaction_margins(train, heldout)) >= accuracy(chosen - rejected) + 0.15


def interaction_margins(train: list[PreferencePair], heldout: list[PreferencePair]) -> np.ndarray:
    """Ridge regression in the product kernel (prompt words) x (chosen minus rejected words)."""
    from sklearn.feature_extraction.text import CountVectorizer

    prompts = CountVectorizer(binary=True, ngram_range=(1, 2), token_pattern=r"\w+", min_df=10)
    answers = CountVectorizer(binary=True, token_pattern=r"\w+", min_df=10)
    prompts.fit([p.prompt[0].content for p in train])
    answers.fit([text for p in train for text in (p.chosen, p.rejected)])

    def features(pairs: list[PreferencePair]) -> tuple[np.ndarray, np.ndarray]:
        x = prompts.transform([p.prompt[0].content for p in pairs]).toarray().astype(float)
        chosen, rejected = (
            answers.transform([getattr(p, s) for p in pairs]).toarray().astype(float) for s in ("chosen", "rejected")
        )
        return x, chosen - rejected

    (px, pd), (hx, hd) = features(train), features(heldout)
    kernel = (px @ px.T) * (pd @ pd.T)
    dual = np.linalg.solve(kernel + 30 * np.eye(len(train)), np.ones(len(train)))
    return ((hx @ px.T) * (hd @ pd.T)) @ dual
