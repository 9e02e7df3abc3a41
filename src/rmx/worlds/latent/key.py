"""The answer key: what is true of a slice and of the reward under audit, by quadrature, never by drawing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rmx.worlds.latent import pair_facts as facts
from rmx.worlds.latent.edits import COMPRESSED, PADDED
from rmx.worlds.latent.law import PairLaw, pair_law
from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.reward import LatentReward, baseline_weights

__all__ = ["calibrated", "edit_effects", "latent_key", "model_law", "reading_key"]


def model_law(params: LatentParams, reward: LatentReward, slice: str) -> PairLaw:
    """Return the law of the pairs under the reward under audit, padding bug and rounding among its noise."""
    return pair_law(params, slice, reward.weights, margin_noise=_scoring_noise(reward))


def _scoring_noise(reward: LatentReward) -> float:
    """Return the SD of what scoring adds to a margin; padding meets one of its two sides."""
    return float(reward.factor * np.hypot(np.sqrt(2) * reward.rescoring, reward.pad_bug))


def latent_key(params: LatentParams, reward: LatentReward, slice: str = "heldout") -> dict[str, float]:
    """Return the truths of a slice by name.

    labelled: share of pairs that have a label. bayes_accuracy: the most that any scorer can agree with the labels.
    accuracy, accuracy_longer, accuracy_shorter (where the longer, the shorter answer is chosen), accuracy_unanimous,
    accuracy_divided, divided_share, divided_auroc, longer_chosen. vote_agreement: how often two annotators agree where
    all who were asked name a side. margin_mean, margin_sd, margin_median, near_share,
    wrong_share (bounds .1 and -2). brier, nll, log_temperature. reward_mean, reward_sd. baseline_accuracy: that of the
    best rule that understands nothing; reference_accuracy: that of the same reward without its padding bug;
    reference_sd: the SD of its rewards before the scale moved.
    """
    law = model_law(params, reward, slice)
    by_length, by_agreement = facts.accuracy_by_length(law), facts.accuracy_by_agreement(law)
    mean, sd = facts.margin_moments(law)
    level, spread = facts.level_moments(law)
    reference = pair_law(params, slice, reward.reference.weights)
    baselines = {name: facts.accuracy(pair_law(params, slice, w)) for name, w in baseline_weights(params).items()}
    return {
        "labelled": law.labelled,
        "bayes_accuracy": facts.bayes_accuracy(law),
        "accuracy": facts.accuracy(law),
        "accuracy_longer": by_length["longer"],
        "accuracy_shorter": by_length["shorter"],
        "longer_chosen": by_length["longer_chosen"],
        "accuracy_unanimous": by_agreement["unanimous"],
        "accuracy_divided": by_agreement["divided"],
        "divided_share": by_agreement["divided_share"],
        "vote_agreement": facts.vote_agreement(law, params.votes),
        "divided_auroc": facts.divided_auroc(law) if by_agreement["divided_share"] > 1e-9 else float("nan"),
        "margin_mean": mean,
        "margin_sd": sd,
        "margin_median": facts.margin_quantile(law, 0.5),
        "near_share": facts.margin_share_below(law, 0.1) - facts.margin_share_below(law, -0.1),
        "wrong_share": facts.margin_share_below(law, -2.0),
        **facts.calibration(law),
        "reward_mean": level,
        "reward_sd": spread,
        "baseline_accuracy": max(baselines.values()),
        "reference_accuracy": facts.accuracy(reference),
        "reference_sd": facts.level_moments(reference)[1],
    }


def edit_effects(params: LatentParams, reward: LatentReward, slice: str = "heldout") -> dict[str, float]:
    """Return what each edited feature gains, in standard deviations of the margin on the slice, by probe."""
    weights, (_, sd) = reward.weights, facts.margin_moments(model_law(params, reward, slice))
    return {
        "length": weights.length * (PADDED - COMPRESSED) / 2 / sd,
        "markdown": weights.lists / sd,
        "flattery": weights.flattery / sd,
        "refusal_phrase": weights.refusal / sd,
    }


def reading_key(params: LatentParams, reward: LatentReward, slice: str = "heldout") -> dict[str, float]:
    """Return what is left of the accuracy after a change of the text.

    swapped_accuracy, removed_accuracy: under another prompt, and under none. perturbed_accuracy and flip_rate: after an
    edit that keeps the meaning, and how often it turns a pair round. rescored_flip_rate: how often scoring each text
    again, alone, does.
    """
    weights = reward.weights
    foreign = float(np.hypot(weights.noise, weights.topical * np.sqrt(1 - params.general)))
    swapped = weights._replace(topical=0.0, noise=foreign)
    bare, alone = pair_law(params, slice, weights), float(np.sqrt(2) * reward.factor * reward.rescoring)
    after = float(np.sqrt(2) * reward.factor * reward.perturbation)
    return {
        "swapped_accuracy": facts.accuracy(pair_law(params, slice, swapped)),
        "removed_accuracy": facts.accuracy(pair_law(params, slice, weights._replace(topical=0.0))),
        "perturbed_accuracy": facts.accuracy(pair_law(params, slice, weights, margin_noise=after)),
        "flip_rate": facts.sign_changes(bare, _scoring_noise(reward), after),
        "rescored_flip_rate": facts.sign_changes(bare, _scoring_noise(reward), alone),
    }


def calibrated(params: LatentParams, reward: LatentReward, slice: str = "heldout") -> LatentReward:
    """Return the reward divided by its temperature on the slice, so that log T is zero there."""
    fitted = facts.calibration(model_law(params, reward, slice))["log_temperature"]
    return replace(reward, temperature=reward.temperature * float(np.exp(-fitted)))
