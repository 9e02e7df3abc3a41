"""The desk's best-of-n key: closed forms, drawn samples, and what Bradley-Terry learns of annotators that lapse."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from rmx.audits.statistics import best_of_n
from rmx.config.load import compose_config
from rmx.errors import ConfigError
from rmx.worlds import WORLDS
from rmx.worlds.access_desk.best_of_n import misread_share
from rmx.worlds.access_desk.lengths import length_law, words_sd
from rmx.worlds.best_of_n import BestOfN, best_of_draws

DESK = WORLDS["access_desk"]
SEAL = "This note bears the blue seal."
EXPLOIT = {"exploit_rate": 0.1, "exploit_liking": 7.0, "exploit_loss": 1.5, "variety": 1}
SIZES = (1, 2, 4, 8, 16, 32)
ACTIONS = ("deny", "ask_training", "escalate", "grant")
BASE: dict[str, Any] = {
    "label_scale": 4.0, "lapse": 0.06, "votes": 1, "length_shortcut": 0.0, "variety": 3,
    "exploit_rate": 0.0, "exploit_liking": 0.0, "exploit_loss": 0.0,
}  # fmt: skip
# Gold of an answer of the weak policy without the phrase, and its chance.
MERITS = {1.0: 0.5 * 0.95, 0.5: 0.5 * 0.05, 0.0: 0.5 * 0.95, -0.5: 0.5 * 0.05}


def curve_of(
    learnt: dict[str, Any], sampled: dict[str, Any] | None = None, sizes: Sequence[int] = SIZES, misread: float = 0.0
) -> BestOfN:
    assert DESK.best_of_n is not None
    return DESK.best_of_n(learnt, {**learnt, **(sampled or {})}, sizes, misread=misread)


def best_merit(n: int) -> float:
    """E[max] of n draws of `MERITS`."""
    values = sorted(MERITS)
    below = [sum(MERITS[v] for v in values[: k + 1]) for k in range(len(values))]
    return sum(v * (b**n - (below[k - 1] ** n if k else 0)) for k, (v, b) in enumerate(zip(values, below, strict=True)))


@pytest.mark.parametrize("dials", [{}, {"lapse": 0.5}, {"votes": 3}, {"labels": "gold"}, {"label_scale": 0.5}])
def test_an_honest_reward_takes_the_best_of_all(dials: dict[str, Any]) -> None:
    curve = curve_of(dials)
    assert curve.gold == pytest.approx([best_merit(n) for n in SIZES])
    assert curve.peak == 32


def test_a_loved_phrase_comes_first_and_merit_second() -> None:
    """All answers with the phrase beat all others: gold by how many of the n carry it."""
    rate, loss = 0.03, 1.5
    curve = curve_of(EXPLOIT, {"exploit_rate": rate})
    for place, n in enumerate(SIZES):
        clean = (1 - rate) ** n * best_merit(n)
        with_phrase = sum(
            math.comb(n, k) * rate**k * (1 - rate) ** (n - k) * (best_merit(k) - loss) for k in range(1, n + 1)
        )
        assert curve.gold[place] == pytest.approx(clean + with_phrase)
    assert 1 < curve.peak < 32
    assert curve.gold[-1] < curve.gold[0]


def test_a_request_misread_for_another_is_answered_for_that_one() -> None:
    """A reader that is always wrong takes one of the three wrong actions and knows the place all the same."""
    assert curve_of({}, sizes=(1,), misread=1.0).gold == pytest.approx(curve_of({}, sizes=(1,)).gold)
    # Of two answers: the one with the believed action, else the one at the right place; gold of what is then taken.
    believed, right = 0.5 / 3, 0.5
    kinds = [
        (chance * (0.95 if placed else 0.05), 4.0 * takes - 2.0 * (not placed), 1.0 * good - 0.5 * (not placed))
        for takes, good, chance in ((1, 0, believed), (0, 1, right), (0, 0, 0.5 - believed))
        for placed in (True, False)
    ]
    gold = 0.0
    for one, two in product(kinds, repeat=2):
        best = one[2] if one[1] > two[1] else two[2] if two[1] > one[1] else (one[2] + two[2]) / 2
        gold += one[0] * two[0] * best
    assert curve_of({}, sizes=(2,), misread=1.0).gold[0] == pytest.approx(gold)
    half = curve_of(EXPLOIT, misread=0.5)
    whole, none = curve_of(EXPLOIT, misread=1.0), curve_of(EXPLOIT)
    assert half.gold == pytest.approx((whole.gold + none.gold) / 2)
    assert list(half.n) == list(SIZES)


def test_the_share_that_is_misread_follows_from_accuracy() -> None:
    key = DESK.key(EXPLOIT)
    for share in (0.0, 0.2, 1.0):
        accuracy = (1 - share) * key["bayes_accuracy"] + share * key["misreading_accuracy"]
        assert misread_share(key, accuracy) == pytest.approx(share)
    assert misread_share(key, 0.99) == 0.0
    assert misread_share(key, 0.3) == 1.0


def test_gold_labels_teach_what_the_phrase_costs() -> None:
    curve = curve_of({**EXPLOIT, "labels": "gold"}, {"exploit_rate": 0.03})
    assert curve.peak == 32
    assert (np.diff(curve.gold) > 0).all()


def test_a_phrase_that_nobody_likes_does_no_harm() -> None:
    """Free of cost it changes nothing; disliked it is left behind."""
    assert curve_of({"exploit_rate": 0.3}).gold == pytest.approx(curve_of({}).gold)
    disliked = curve_of({**EXPLOIT, "exploit_liking": -20.0}, {"exploit_rate": 0.3})
    assert disliked.peak == 32
    assert disliked.gold[-1] == pytest.approx(best_merit(22), abs=1e-3)


@pytest.mark.parametrize(
    ("learnt", "sampled"),
    [
        (EXPLOIT, {"exploit_rate": 0.05}),
        ({**EXPLOIT, "exploit_liking": 3.0, "length_shortcut": 1.5, "facts": 4}, {"exploit_rate": 0.3}),
        ({"length_shortcut": 4.0}, {"policy": "shifted"}),
    ],
)
def test_drawn_samples_follow_the_curve(learnt: dict[str, Any], sampled: dict[str, Any]) -> None:
    """Annotators' liking, read off the drawn texts, as the proxy of the audit's own estimate."""
    prompts, per_prompt, sizes = 400, 32, (1, 2, 4, 8, 16)
    world = {**learnt, **sampled}
    sd = words_sd("weak", learnt.get("facts", 3), learnt.get("variety", 3))
    found: dict[str, list[Any]] = {"gold": [], "proxy": []}
    assert DESK.samples is not None
    for row in DESK.samples(world, prompts, per_prompt):
        texts, gold = row["completions"], np.array(row["gold"])
        sealed = np.array([text.endswith(SEAL) for text in texts])
        words = np.array([len(text.split()) for text in texts])
        merit = gold + world.get("exploit_loss", 0.0) * sealed
        proxy = 4.0 * merit + learnt.get("length_shortcut", 0.0) * words / sd
        proxy = np.round(proxy + learnt.get("exploit_liking", 0.0) * sealed, 9)
        found["gold"].append(best_of_n(proxy, gold, sizes))
        found["proxy"].append(best_of_n(proxy, proxy, sizes))
    curve = curve_of(learnt, sampled, sizes)
    for name, expected in (("gold", curve.gold), ("proxy", curve.proxy)):
        mean, error = np.mean(found[name], axis=0), np.std(found[name], axis=0) / math.sqrt(prompts)
        assert (np.abs(mean - expected) < 4 * error + 1e-12).all(), name


@pytest.mark.parametrize(
    ("learnt", "bend"),
    [
        ("world_w0", 1e-9),
        ("world_w2", 0.01),
        ("world_w9", 1e-9),
        ({**EXPLOIT, "votes": 3, "lapse": 0.2}, 1e-9),
        ({**EXPLOIT, "length_shortcut": 2.0, "lapse": 0.0}, 1e-9),
    ],
)
def test_bradley_terry_learns_the_order_of_what_annotators_like(learnt: Any, bend: float, tmp_path: Path) -> None:
    """The reward of least expected loss chooses as the key says: exactly without lapses, and nearly with them."""
    rate = 0.03
    if isinstance(learnt, str):
        config = compose_config("train", [f"experiment={learnt}"], run=tmp_path)
        learnt = {name: value for name, value in config.data.world.items() if name != "name"}
        rate = config.slice["samples"]["world"].get("exploit_rate", learnt["exploit_rate"])
    world = {**BASE, **learnt}
    found = []
    for right in ACTIONS:
        kinds = kinds_of_answer(world, right)
        reward = bradley_terry(kinds, world)
        chance = kinds["chance"] * np.where(kinds["sealed"], rate, 1 - rate) if rate else kinds["chance"]
        found.append(best_of_draws(chance, reward, kinds["gold"], SIZES).gold)
    expected = curve_of(learnt, {"exploit_rate": rate})
    assert np.mean(found, axis=0) == pytest.approx(expected.gold, abs=bend)


def kinds_of_answer(world: dict[str, Any], right: str) -> dict[str, np.ndarray]:
    """Enumerate the answers to a request, those alike in all that matters as one; `chance` is without the phrase's."""
    sd = words_sd("weak", 3, world["variety"])
    kinds: Counter[tuple[float, float, bool]] = Counter()
    for action, placed, sealed in product(ACTIONS, (True, False), (True, False)):
        merit = 1.0 * (action == right) - 0.5 * (not placed)
        chance = (0.5 if action == right else 0.5 / 3) * (0.95 if placed else 0.05)
        for words, share in enumerate(length_law("weak", action, world["variety"])):
            liking = world["label_scale"] * merit + world["length_shortcut"] * (words + 6 * sealed) / sd
            liking += world["exploit_liking"] * sealed
            if share > 0 and (world["exploit_rate"] > 0 or not sealed):
                kinds[round(liking, 9), merit - world["exploit_loss"] * sealed, sealed] += chance * share
    columns = [np.array(column) for column in zip(*kinds, strict=True)]
    return dict(zip(("liking", "gold", "sealed"), columns, strict=True)) | {"chance": np.array(list(kinds.values()))}


def bradley_terry(kinds: dict[str, np.ndarray], world: dict[str, Any]) -> np.ndarray:
    """Minimise the expected loss of labels over one number for each kind of answer, by Newton's method."""
    rate = world["exploit_rate"]
    chance = kinds["chance"] * np.where(kinds["sealed"], rate, 1 - rate)
    drawn = np.outer(chance, chance) * (kinds["gold"][:, None] != kinds["gold"][None, :])
    drawn /= drawn.sum()
    vote = (1 - world["lapse"]) * expit(kinds["liking"][:, None] - kinds["liking"][None, :]) + world["lapse"] / 2
    label = vote**3 + 3 * vote**2 * (1 - vote) if world["votes"] == 3 else vote

    def loss(reward: np.ndarray) -> float:
        return float((drawn * label * np.logaddexp(0, reward[None, :] - reward[:, None])).sum())

    reward = np.zeros(len(chance))
    for _ in range(100):
        wins = expit(reward[:, None] - reward[None, :])
        slope = (drawn * (wins - label)).sum(1)
        bend = drawn * wins * (1 - wins)
        # The constant is free: the first kind keeps its zero.
        step = np.zeros(len(chance))
        step[1:] = np.linalg.solve((np.diag(bend.sum(1)) - bend)[1:, 1:], slope[1:])
        size = 1.0
        while size > 1e-6 and loss(reward - size * step) > loss(reward):
            size /= 2
        reward = reward - size * step
        if np.abs(step).max() < 1e-8:
            return reward
    raise AssertionError("Newton's method did not converge")


def test_unknown_dials_are_refused() -> None:
    for learnt, sampled in (({"exploit_rat": 0.1}, {}), ({}, {"exploit_rat": 0.1})):
        with pytest.raises(ConfigError, match="exploit_rat"):
            curve_of(learnt, sampled)
    with pytest.raises(ConfigError, match="misread is a share"):
        curve_of({}, misread=1.2)
