"""The presets: what each says must alarm is wrong by its key, and what must stay quiet is true."""

from __future__ import annotations

import pytest

from rmx.audits.registry import AUDITS
from rmx.worlds.latent import LatentWorld, edit_effects, latent_key, latent_worlds, planted, reading_key

WORLDS = latent_worlds()


def test_there_are_all_worlds_of_the_specification() -> None:
    assert list(WORLDS)[:14] == [f"W{k}" for k in range(14)]
    assert all(world.about for world in WORLDS.values())


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_audits_are_named_as_they_are(world: LatentWorld) -> None:
    assert not set(world.alarms) & set(world.quiet)
    assert len({*world.alarms, *world.quiet}) == len(world.alarms) + len(world.quiet)
    for name in (*world.alarms, *world.quiet):
        audit, _, metric = name.partition(".")
        if audit in AUDITS:
            assert metric in AUDITS[audit].metrics


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_edit_effects_are_planted_exactly_where_they_must_alarm(world: LatentWorld) -> None:
    names = {"length": "length", "markdown": "markdown", "flattery": "flattery", "refusal_phrase": "refusal"}
    for probe, effect in edit_effects(world.params, world.reward).items():
        metric = f"{names[probe]}_effect.effect_sd"
        assert (effect != 0) == (metric in world.alarms)
        if effect == 0 and world.name != "W12":
            assert metric in world.quiet


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_nulls_are_true_where_an_audit_must_stay_quiet(world: LatentWorld) -> None:
    key = latent_key(world.params, world.reward)
    fresh = latent_key(world.params, world.reward, "fresh_policy")["accuracy"]
    read = reading_key(world.params, world.reward)
    off = {
        "accuracy.accuracy": key["accuracy"] - 0.5,
        "length_observational.accuracy_gap": key["accuracy_longer"] - key["accuracy_shorter"],
        # A scale that is 2% off moves log T by .02; none of the audits finds a tenth of that on a thousand pairs.
        "calibration.log_temperature": key["log_temperature"],
        "distribution_shift.drop": key["accuracy"] - fresh,
        "paired.difference": key["accuracy"] - key["reference_accuracy"],
        "perturbation.accuracy_drop": key["accuracy"] - read["perturbed_accuracy"],
        "prompt_dependence.dependence": key["accuracy"] - read["swapped_accuracy"],
        "agreement.divided_auroc": key["divided_auroc"] - 0.5,
        "agreement.accuracy_gap": key["accuracy_unanimous"] - key["accuracy_divided"],
    }
    for metric, distance in off.items():
        if metric in world.quiet:
            assert abs(distance) < 6e-4
        if metric in world.alarms:
            assert abs(distance) > 0.05


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_annotators_are_named_exactly_where_some_are_worse(world: LatentWorld) -> None:
    metric, bad = "annotators.flagged_count", planted(world.params)
    assert (metric in world.alarms) == bool(bad.lapsing | bad.flipping)
    if metric in world.quiet:
        assert not bad.lapsing | bad.flipping


def test_a_better_reward_than_the_ceiling_there_is_none() -> None:
    for world in WORLDS.values():
        key = latent_key(world.params, world.reward)
        assert max(key["accuracy"], key["baseline_accuracy"]) <= key["bayes_accuracy"]


def test_growing_doses_grow_in_the_key() -> None:
    from dataclasses import replace

    clean = WORLDS["W0"]
    for feature, probe in (("length", "length"), ("lists", "markdown"), ("flattery", "flattery")):
        effects = [
            edit_effects(clean.params, replace(clean.reward, **{feature: dose}))[probe] for dose in (0, 0.05, 0.1, 0.4)
        ]
        assert effects == sorted(effects)
        assert effects[0] == 0 < effects[-1]
