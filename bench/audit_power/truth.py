"""What every audit should find in a latent world, by the world's answer key."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from rmx.worlds.best_of_n import BestOfN
from rmx.worlds.latent import LatentWorld, best_of_n, edit_effects, latent_key, latent_worlds, planted, reading_key

__all__ = ["curve_truth", "names_of", "truth_of"]


@cache
def truth_of(name: str) -> dict[str, float]:
    """Return the value of each metric, by `audit.metric`, that the key knows in a world."""
    world = latent_worlds()[name]
    found = {**_pairs(world), **_edits(world), **(_samples(world) if world.params.samples else {})}
    return {metric: value for metric, value in found.items() if math.isfinite(value)}


def names_of(name: str) -> set[tuple[str, str]]:
    """Return the annotators who are to be named in a world, each with what they do."""
    bad = planted(latent_worlds()[name].params)
    return {(who, "guesses") for who in bad.lapsing} | {(who, "inverts") for who in bad.flipping}


def _pairs(world: LatentWorld) -> dict[str, float]:
    key = latent_key(world.params, world.reward)
    fresh = latent_key(world.params, world.reward, "fresh_policy")
    drift, offset = world.reward.drift, world.reward.offset
    before = (key["reward_mean"] - offset) / drift
    found = {
        "accuracy.accuracy": key["accuracy"],
        "length_balanced.accuracy": (key["accuracy_longer"] + key["accuracy_shorter"]) / 2,
        "length_observational.accuracy_gap": key["accuracy_longer"] - key["accuracy_shorter"],
        "baselines.gain": key["accuracy"] - key["baseline_accuracy"],
        "agreement.divided_auroc": key["divided_auroc"],
        "agreement.accuracy_gap": key["accuracy_unanimous"] - key["accuracy_divided"],
        "margin.median": key["margin_median"],
        "margin.near_share": key["near_share"],
        "margin.wrong_share": key["wrong_share"],
        "calibration.brier": key["brier"],
        "calibration.nll": key["nll"],
        "calibration.brier_skill": 1 - 4 * key["brier"],
        "calibration.log_temperature": key["log_temperature"],
        # Validation is drawn from the same law.
        "calibration.log_temperature_recalibrated": 0.0,
        "distribution_shift.drop": key["accuracy"] - fresh["accuracy"],
        "paired.difference": key["accuracy"] - key["reference_accuracy"],
        "scale.mean_reward": key["reward_mean"],
        "scale.reward_sd": key["reward_sd"],
        "scale.margin_sd": key["margin_sd"],
        "scale_drift.slope": drift,
        "scale_drift.shift_sd": ((drift - 1) * before + offset) / key["reference_sd"],
        "noise_ceiling.accuracy_low": key["vote_agreement"],
        "noise_ceiling.accuracy_high": 0.5 + math.sqrt((key["vote_agreement"] - 0.5) / 2),
    }
    if key["log_temperature"] > 3:  # no better than chance: there is no temperature to find
        found = {name: value for name, value in found.items() if "log_temperature" not in name}
    return found


def _edits(world: LatentWorld) -> dict[str, float]:
    key, read = latent_key(world.params, world.reward), reading_key(world.params, world.reward)
    effects = edit_effects(world.params, world.reward)
    audits = {"length": "length", "markdown": "markdown", "flattery": "flattery", "refusal_phrase": "refusal"}
    dependence = key["accuracy"] - read["swapped_accuracy"]
    found = {f"{audit}_effect.effect_sd": effects[probe] for probe, audit in audits.items()}
    found |= {
        "prompt_dependence.accuracy_swapped": read["swapped_accuracy"],
        "prompt_dependence.dependence": dependence,
        "prompt_dependence.shortfall": max(0.0, 0.05 - dependence),
        "perturbation.accuracy_drop": key["accuracy"] - read["perturbed_accuracy"],
        "perturbation.flip_rate": read["flip_rate"],
        "determinism.flip_rate": read["rescored_flip_rate"],
    }
    if not world.reward.pad_bug:
        # The change is normal, that of rounding among it.
        change = world.reward.factor * math.hypot(world.reward.perturbation, world.reward.rescoring)
        found["perturbation.shift_p95_sd"] = 1.959964 * change / key["margin_sd"]
    return found


def curve_truth(curve: BestOfN, gold_sd: float) -> dict[str, float]:
    """Return what the audits of samples should find of a best-of-n curve over n = 1, 2, 4 ...

    Args:
        curve: Gold by n; its last n is the one that is used.
        gold_sd: Standard deviation of gold over all samples, the unit.
    """
    gains = (curve.gold - curve.gold[0]) / gold_sd
    kl = np.log(curve.n) - (curve.n - 1) / curve.n
    distance = np.sqrt(kl[1:])
    alpha, beta = np.linalg.lstsq(np.stack([distance, -(distance**2)], 1), gains[1:], rcond=None)[0]
    found = {
        "best_of_n.gain_sd": float(gains[-1]),
        "gold_vs_proxy.alpha": float(alpha),
        "gold_vs_proxy.beta": float(beta),
    }
    if beta > 0.01:
        found["best_of_n.decline_sd"] = float(gains.max() - gains[-1])
        found["gold_vs_proxy.peak_kl"] = float((alpha / (2 * beta)) ** 2)
    return found


def _samples(world: LatentWorld) -> dict[str, float]:
    params, reward = world.params, world.reward
    sizes = [2**k for k in range(int(math.log2(params.samples // 2)) + 1)]
    p, loss = params.exploit_rate, params.exploit_loss
    gold_sd = math.sqrt(1 + params.difficulty**2 + loss**2 * p * (1 - p))
    found = curve_truth(best_of_n(params, reward, sizes), gold_sd)
    weights = reward.weights
    within = weights.topical**2 * (1 - params.general) + weights.general**2 * params.general + weights.noise**2
    within += weights.exploit**2 * p * (1 - p)
    between = (weights.difficulty * params.difficulty) ** 2
    if between:  # at no variance at all between prompts the share sits at the end of its range
        found["reward_variance.within_share"] = math.sqrt(within / (within + between))
    return found
