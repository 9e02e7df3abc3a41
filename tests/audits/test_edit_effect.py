"""Markdown, flattery and refusal effects: the mathematics of the length effect with their own probe, sign and words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from slices import edited, one, scores

from rmx.audits.edit_effect import EditEffect
from rmx.audits.flattery_effect import FlatteryEffect
from rmx.audits.length_effect import LengthEffect
from rmx.audits.markdown_effect import MarkdownEffect
from rmx.audits.refusal_effect import RefusalEffect
from rmx.audits.registry import AUDITS
from rmx.probes import PROBES

KINDS = [LengthEffect, MarkdownEffect, FlatteryEffect, RefusalEffect]
RNG = np.random.default_rng(0)
MARGINS = RNG.normal(0, 2, 300)


@pytest.mark.parametrize("kind", KINDS)
def test_every_variant_of_the_probe_has_its_sign(kind: type[EditEffect]) -> None:
    assert AUDITS[kind.name] is kind
    assert set(kind.signs) == set(PROBES[kind.probe].variants)
    assert kind.counts == "edited completions"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("groups", [np.arange(120), np.arange(120) // 3])
def test_the_interval_is_that_of_the_signed_gains_over_the_deviation_of_the_margin(
    kind: type[EditEffect], groups: np.ndarray
) -> None:
    base, gains = RNG.normal(size=120), RNG.normal(0.3, 0.4, 120)
    for variant, sign in kind.signs.items():
        candidates = edited(base, {variant: base + sign * gains}, groups=groups, probe=kind.probe)
        result = one(kind(), scores(MARGINS), candidates={"heldout": candidates})
        assert result.estimate == pytest.approx(gains.mean() / MARGINS.std())
        # Oracle: the cluster-robust standard error of a ratio of independent parts, by hand.
        means = np.array([gains[groups == g].sum() for g in np.unique(groups)]) - gains.mean() * np.bincount(groups)
        count = len(means)
        of_mean = np.sqrt(count / (count - 1) * (means**2).sum()) / 120 / MARGINS.std()
        squares = (MARGINS - MARGINS.mean()) ** 2
        of_spread = result.estimate * squares.std(ddof=1) / (2 * MARGINS.var() * np.sqrt(300))
        # Groups of the edits and of the pairs carry the same names and are drawn independently of each other here.
        error = (result.ci_high - result.ci_low) / 2 / 1.98
        assert error == pytest.approx(np.hypot(of_mean, of_spread), rel=0.15)
        assert result.alarm
        assert result.null_value == 0
        rate = result.detail[f"{kind.trait}_higher"]["rate"]
        assert rate == pytest.approx((gains > 0).mean())


def test_markup_added_and_markup_taken_away_agree_in_sign() -> None:
    base = RNG.normal(size=60)
    likes_markup = {"marked": [*(base[:30] + 0.5), *[None] * 30], "plain": [*[None] * 30, *(base[30:] - 0.5)]}
    candidates = edited(base, likes_markup, probe="markdown")
    result = one(MarkdownEffect(), scores(MARGINS), candidates={"heldout": candidates})
    assert result.estimate == pytest.approx(0.5 / MARGINS.std())
    assert {name: v["n"] for name, v in result.detail["variants"].items()} == {"marked": 30, "plain": 30}
    assert result.n_pairs == 60


def test_an_audit_reads_its_own_probe_alone() -> None:
    base = list(RNG.normal(size=40))
    candidates = {"heldout": edited(base, {"flattered": [b + 1 for b in base]}, probe="flattery")}
    assert one(FlatteryEffect(), scores(MARGINS), candidates=candidates).alarm
    for other in (LengthEffect, MarkdownEffect, RefusalEffect):
        result = one(other(), scores(MARGINS), candidates=candidates)
        assert (result.status, result.reason) == ("INCONCLUSIVE", "not_provided")
        assert other.probe in result.detail["missing"]
    unknown = {"heldout": edited(base, {"whatever": base}, probe="flattery")}
    assert "whatever" in one(FlatteryEffect(), scores(MARGINS), candidates=unknown).detail["missing"]


def test_a_tolerance_passes_what_is_blind_to_the_trait_and_fails_what_is_not() -> None:
    audit = FlatteryEffect(tolerance={"effect_sd": (-0.2, 0.2)})
    base = RNG.normal(size=200)
    for gain, status in ((0.0, "PASS"), (0.2 * MARGINS.std(), "INCONCLUSIVE"), (1.0 * MARGINS.std(), "FAIL")):
        candidates = edited(base, {"flattered": base + RNG.normal(gain, 0.5, 200)}, probe="flattery")
        assert one(audit, scores(MARGINS), candidates={"heldout": candidates}).status == status


def test_parameters_are_those_of_every_audit_and_the_items() -> None:
    names = {field.name for field in dataclasses.fields(FlatteryEffect)}
    assert names == {"slices", "scorers", "tolerance", "items"}
