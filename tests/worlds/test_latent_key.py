"""The answer key of the latent world: closed forms where there are any, and draws of the world itself."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit

from rmx.worlds.latent import LatentParams, LatentReward, edit_effects, latent_key, reading_key
from rmx.worlds.latent.annotators import draw_ballots, unanimous, vote_law, wins
from rmx.worlds.latent.edits import edits_of
from rmx.worlds.latent.key import calibrated
from rmx.worlds.latent.law import pair_law
from rmx.worlds.latent.pair_facts import accuracy
from rmx.worlds.latent.pairs import Pairs, draw_pairs, streams_of
from rmx.worlds.latent.reward import baseline_weights
from rmx.worlds.latent.streams import Streams
from rmx.worlds.latent.tables import pair_rewards

EXACT = LatentParams(lapse=0.0, tie=0.0, abstain=0.0, votes=1)


@pytest.mark.parametrize(("scale", "ceiling", "agreement"), [(1.0, 0.725, 0.637), (2.0, 0.828, 0.760)])
def test_the_known_ceilings_of_unit_gold(scale: float, ceiling: float, agreement: float) -> None:
    """reference/audits.md, section 3: logit scale 1 on unit-variance gold, 72.5% and two annotators agree in 63.7%."""
    key = latent_key(replace(EXACT, label_scale=scale), LatentReward())
    assert key["bayes_accuracy"] == pytest.approx(ceiling, abs=5e-4)
    assert key["vote_agreement"] == pytest.approx(agreement, abs=6e-4)


@pytest.mark.parametrize("noise", [0.1, 0.5, 2.0])
def test_accuracy_against_gold_is_the_arc_sine_law(noise: float) -> None:
    """Two normal margins of correlation rho have the same sign with chance 1/2 + asin(rho)/pi (Sheppard)."""
    params = LatentParams(fresh_labels="gold", general=0.3)
    key = latent_key(params, LatentReward(noise=noise, rescoring=0.0), "fresh_policy")
    rho = 1 / math.sqrt(1 + noise**2)
    assert key["labelled"] == pytest.approx(1)
    assert key["accuracy"] == pytest.approx(0.5 + math.asin(rho) / math.pi, abs=1e-9)
    # Under another prompt the part that needs the prompt is drawn anew: only the rest goes with gold.
    read = reading_key(params, LatentReward(noise=noise, rescoring=0.0), "fresh_policy")
    assert read["swapped_accuracy"] == pytest.approx(0.5 + math.asin(0.3 * rho) / math.pi, abs=1e-9)
    seen = math.sqrt(0.3) * math.sqrt(0.3 / (0.3 + noise**2))
    assert read["removed_accuracy"] == pytest.approx(0.5 + math.asin(seen) / math.pi, abs=1e-9)


def test_flips_are_the_arc_cosine_law() -> None:
    """Two scorings of one margin, gold labels: the signs differ with chance acos(rho)/pi."""
    params = LatentParams(fresh_labels="gold")
    reward = LatentReward(rescoring=0.2, perturbation=0.7, noise=0.5)
    first, second, shared = 1.25 + 0.2**2, 1.25 + 0.7**2, 1.25
    found = reading_key(params, reward, "fresh_policy")
    assert found["flip_rate"] == pytest.approx(math.acos(shared / math.sqrt(first * second)) / math.pi, abs=1e-5)
    assert found["rescored_flip_rate"] == pytest.approx(math.acos(shared / first) / math.pi, abs=1e-5)


def test_majorities_are_counted_over_every_outcome() -> None:
    """Brute force over all sequences of votes (first, second, neither)."""
    rng = np.random.default_rng(0)
    for votes in (1, 2, 3, 5):
        first, second = np.sort(rng.random(2))
        second -= first
        total = sum(
            math.prod((first, second, 1 - first - second)[v] for v in outcome)
            for outcome in product(range(3), repeat=votes)
            if outcome.count(0) > outcome.count(1)
        )
        assert wins(votes, np.array([first]), np.array([second]))[0] == pytest.approx(total)


def test_votes_follow_their_law() -> None:
    params = LatentParams(
        votes=3, tie=0.2, abstain=0.1, bad_annotators=0.2, flippers=0.1, taste=0.7, second_taste=0.3, label_scale=1.3
    )
    n = 60_000
    for shared, lists in ((0.8, 0.0), (0.1, 0.0), (-0.4, 1.0), (0.95, -1.0)):
        logits, on = np.full(n, shared), np.full(n, lists)
        votes = draw_ballots(Streams("test", str(shared)), params, logits, on).votes
        first, second = (p[0] for p in vote_law(params, logits[:1], on[:1]))
        for drawn, p in ((votes.first, first), (votes.second, second)):
            assert drawn.mean() / 3 == pytest.approx(p, abs=4 * 0.5 / math.sqrt(3 * n))
        cast = votes.first + votes.second + votes.tie
        alone = (votes.first == cast) & (cast > 0)
        assert alone.mean() == pytest.approx(unanimous(params, np.array([first]))[0], abs=4 * 0.5 / math.sqrt(n))


DIALS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"length_quality": 0.4, "length_liking": 0.3, "votes": 1}, {"length": 0.5, "noise": 0.6}),
    ({"list_liking": 0.4, "taste": 1.0, "flattery_liking": -0.3}, {"lists": 0.3, "flattery": 0.5, "temperature": 1.7}),
    ({"exploit_rate": 0.1, "bad_annotators": 0.3, "flippers": 0.1}, {"exploit": 2.0, "refusal": 1.0, "offset": 0.7}),
    (
        {"difficulty": 1.0, "general": 0.6, "votes": 5, "tie": 0.4, "abstain": 0.2},
        {"prompt_weight": 0.3, "prompt_offset": 0.8, "pad_bug": 0.7, "rescoring": 0.1, "drift": 1.3},
    ),
    (
        {
            "fresh_quality": 0.5, "fresh_log_length": 1.0, "fresh_lists": 2.0, "fresh_new_topics": 0.4,
            "fresh_exploit_rate": 0.05, "length_quality": -0.3,
        },
        {"new_topic_weight": 0.2, "length": 0.2, "exploit": 3.0, "lists": 0.4},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("dials", "faults"), DIALS)
def test_the_key_agrees_with_draws(dials: dict[str, Any], faults: dict[str, Any]) -> None:
    """What the key integrates, counted in drawn pairs, within about four standard errors."""
    n = 40_000
    params, reward = LatentParams(prompts=n, pairs_per_prompt=1, **dials), LatentReward(**faults)
    slice = "fresh_policy" if "fresh_quality" in dials else "heldout"
    key, pairs = latent_key(params, reward, slice), draw_pairs(params, slice)
    assert len(pairs) / n == pytest.approx(key["labelled"], abs=0.01)
    rewards = pair_rewards(params, reward, pairs)
    margins = rewards["chosen"] - rewards["rejected"]
    right, longer = margins > 0, pairs.chosen.length > pairs.rejected.length
    assert pairs.votes is not None
    whole = pairs.votes.first == sum(pairs.votes)
    near = 4 * 0.5 / math.sqrt(len(pairs))
    sd = key["margin_sd"]
    assert right.mean() == pytest.approx(key["accuracy"], abs=near)
    assert right.mean() <= key["bayes_accuracy"] + near
    assert right[longer].mean() == pytest.approx(key["accuracy_longer"], abs=1.6 * near)
    assert right[~longer].mean() == pytest.approx(key["accuracy_shorter"], abs=1.6 * near)
    assert longer.mean() == pytest.approx(key["longer_chosen"], abs=near)
    assert margins.mean() == pytest.approx(key["margin_mean"], abs=2 * near * sd)
    assert margins.std() == pytest.approx(sd, rel=0.03)
    assert np.median(margins) == pytest.approx(key["margin_median"], abs=3 * near * sd)
    assert np.mean(np.abs(margins) < 0.1) == pytest.approx(key["near_share"], abs=near)
    assert np.mean(margins < -2) == pytest.approx(key["wrong_share"], abs=near)
    both = np.concatenate([rewards["chosen"], rewards["rejected"]])
    assert both.mean() == pytest.approx(key["reward_mean"], abs=2 * near * key["reward_sd"])
    assert both.std() == pytest.approx(key["reward_sd"], rel=0.03)
    assert np.mean(expit(-margins) ** 2) == pytest.approx(key["brier"], abs=near)
    nll = lambda t: np.logaddexp(0, -margins * np.exp(-t)).mean()  # noqa: E731
    assert nll(0) == pytest.approx(key["nll"], abs=2 * near * max(1, sd))
    assert minimize_scalar(nll, bounds=(-4, 4), method="bounded").x == pytest.approx(key["log_temperature"], abs=0.06)
    rules = [
        w.score(pairs.chosen, pairs.prompts) - w.score(pairs.rejected, pairs.prompts)
        for w in baseline_weights(params).values()
    ]
    assert max((r > 0).mean() + 0.5 * (r == 0).mean() for r in rules) == pytest.approx(
        key["baseline_accuracy"], abs=near
    )
    if params.votes > 1:
        assert 1 - whole.mean() == pytest.approx(key["divided_share"], abs=near)
        assert right[whole].mean() == pytest.approx(key["accuracy_unanimous"], abs=1.6 * near)
        assert right[~whole].mean() == pytest.approx(key["accuracy_divided"], abs=1.6 * near)
        below = np.searchsorted(np.sort(np.abs(margins[~whole])), np.abs(margins[whole])) / (~whole).sum()
        assert below.mean() == pytest.approx(key["divided_auroc"], abs=1.6 * near)
    _check_edits(params, reward, pairs, rewards, slice, near)


def _check_edits(
    params: LatentParams, reward: LatentReward, pairs: Pairs, rewards: dict[str, Any], slice: str, near: float
) -> None:
    before, streams = rewards["chosen"] - rewards["rejected"], streams_of(params, slice)

    def margins_after(probe: str, variant: str) -> np.ndarray:
        by_side = {e.side: e.reward for e in edits_of(probe, params, reward, pairs, streams) if e.variant == variant}
        return by_side["chosen"] - by_side["rejected"]

    read = reading_key(params, reward, slice)
    for probe, variant, name in (
        ("prompt_swap", "swapped", "swapped_accuracy"),
        ("prompt_swap", "removed", "removed_accuracy"),
        ("perturbation", "typos", "perturbed_accuracy"),
    ):
        assert (margins_after(probe, variant) > 0).mean() == pytest.approx(read[name], abs=near)
    for probe, variant, name in (("perturbation", "spacing", "flip_rate"), ("rescored", "alone", "rescored_flip_rate")):
        flips = np.sign(margins_after(probe, variant)) != np.sign(before)
        assert flips.mean() == pytest.approx(read[name], abs=near)
    for probe, effect in edit_effects(params, reward, slice).items():
        gains = [
            (1 if edit.variant not in ("compressed", "plain") else -1)
            * (edit.reward - rewards["chosen"][edit.rows]).mean()
            for edit in edits_of(probe, params, reward, pairs, streams)
        ]
        # Answers that have the feature are a rest of all, hence the wider bound.
        assert np.mean(gains) / before.std() == pytest.approx(effect, abs=4 * near)


def test_a_calibrated_reward_has_temperature_one() -> None:
    for params in (LatentParams(), replace(EXACT, label_scale=2.0)):
        for reward in (LatentReward(), LatentReward(noise=1.0, temperature=3.0)):
            assert latent_key(params, calibrated(params, reward))["log_temperature"] == pytest.approx(0, abs=1e-5)


def test_an_ideal_reward_reaches_the_ceiling_and_needs_no_temperature() -> None:
    key = latent_key(EXACT, LatentReward(noise=0.02, rescoring=0.0))
    assert key["accuracy"] == pytest.approx(key["bayes_accuracy"], abs=2e-4)
    assert key["log_temperature"] == pytest.approx(0, abs=1e-3)


def test_the_planted_bias_is_the_expected_weight() -> None:
    """A Bradley-Terry fit of a linear reward to these labels finds the liking again, as a ratio of weights."""
    params = LatentParams(prompts=60_000, pairs_per_prompt=1, votes=1, length_liking=0.4, list_liking=0.2)
    pairs = draw_pairs(params, "train")
    columns = [
        getattr(pairs.chosen, name) - getattr(pairs.rejected, name)
        for name in ("quality", "length", "lists", "flattery")
    ]
    design, weights = np.column_stack(columns), np.zeros(4)
    for _ in range(30):
        wrong = expit(-(design @ weights))
        curvature = (design * (wrong * (1 - wrong))[:, None]).T @ design
        weights += np.linalg.solve(curvature, design.T @ wrong)
    error = np.sqrt(np.diag(np.linalg.inv(curvature)))
    assert weights[1] / weights[0] == pytest.approx(0.4, abs=5 * error[1] / weights[0])
    assert weights[2] / weights[0] == pytest.approx(0.2, abs=5 * error[2] / weights[0])
    assert abs(weights[3]) < 4 * error[3]
    assert weights[0] < 1  # lapses shrink all weights alike


def test_the_response_only_rule_is_the_best_of_its_kind() -> None:
    """No other weight on length does better for labels that go with quality alone."""
    params = LatentParams(length_quality=0.5, general=0.3)
    bow = baseline_weights(params)["bag_of_words"]
    best = accuracy(pair_law(params, "heldout", bow))
    for change in (-0.3, -0.1, 0.1, 0.3):
        assert accuracy(pair_law(params, "heldout", bow._replace(length=bow.length + change))) < best
        assert accuracy(pair_law(params, "heldout", bow._replace(general=bow.general + change))) < best
    # The longer answer is the better one with chance 1/2 + asin(rho)/pi.
    gold = replace(params, fresh_labels="gold")
    longer = pair_law(gold, "fresh_policy", baseline_weights(gold)["longer"])
    assert accuracy(longer) == pytest.approx(0.5 + math.asin(0.5) / math.pi, abs=1e-9)
