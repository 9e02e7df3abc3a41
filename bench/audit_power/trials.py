"""What is run on each draw of a world: every audit at hand, or one audit over the doses of one fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from bench.audit_power.evidence import evidence_of

from rmx.audits.base import Audit
from rmx.audits.registry import AUDITS
from rmx.audits.runner import run_audits
from rmx.domain import AuditResult
from rmx.worlds.latent import SAMPLES, LatentParams, LatentReward, LatentWorld, latent_worlds

__all__ = ["COVERED", "DOSES", "FAULTY", "Dose", "Finding", "audits_at_hand", "run_dose", "run_tenth", "run_world"]

SETTINGS: dict[str, dict[str, Any]] = {
    # Percentiles of 400 bootstrap draws, for the sake of time; the interval asks the same question.
    "agreement": {"draws": 400},
    "margin": {"draws": 400},
    "perturbation": {"draws": 400},
    "gold_vs_proxy": {"draws": 400},
    "accuracy": {"scorers": ("model",)},
    "annotators": {},
    **{name: {} for name in ("baselines", "calibration", "distribution_shift", "length_balanced")},
    **{name: {} for name in ("length_observational", "paired", "scale", "scale_drift", "split_overlap")},
    **{f"{trait}_effect": {"items": 200} for trait in ("length", "markdown", "flattery", "refusal")},
    **{name: {} for name in ("style_controlled", "contamination", "noise_ceiling", "best_of_n", "reward_variance")},
    "prompt_dependence": {"items": 400},
    "determinism": {"items": 200},
}
"""Parameters of the audits that are run; one that the registry does not have is left out."""

COVERED: dict[str, tuple[str, ...]] = {
    "W0": tuple(SETTINGS),
    "W5": ("accuracy", "length_balanced", "baselines", "calibration", "margin", "agreement", "noise_ceiling", "scale"),
    "W6": ("accuracy", "agreement", "calibration", "noise_ceiling"),
    "W9": ("accuracy", "calibration", "best_of_n", "gold_vs_proxy", "reward_variance"),
    "W10": ("accuracy", "baselines", "margin", "prompt_dependence"),
    "W11": ("accuracy", "calibration", "determinism", "paired", "scale"),
    "W13": ("accuracy", "length_balanced", "baselines", "agreement", "best_of_n", "gold_vs_proxy"),
    "drift": ("calibration", "margin", "scale", "scale_drift"),
    "brittle": ("perturbation",),
}
"""Audits whose every metric with a key is held against it, beside those that must alarm."""

SEEDS_APART = 100_000
"""Worlds share no seed: equal draws would make their false alarms one and the same."""


class Finding(NamedTuple):
    """One metric of one draw."""

    metric: str
    estimate: float | None
    low: float | None
    high: float | None
    alarm: bool
    reason: str
    named: tuple[tuple[str, str], ...] = ()
    """Annotators who are named, each with what they do."""


@dataclass(frozen=True)
class Dose:
    """One fault in growing doses, and the metric that must grow, or with `sign` -1 fall, with it."""

    metric: str
    doses: tuple[float, ...]
    make: Callable[[LatentWorld, float], tuple[LatentParams, LatentReward]]
    sign: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the audit beside those of `SETTINGS`."""


def _liking(params_name: str | None, reward_name: str) -> Callable[[LatentWorld, float], Any]:
    def make(world: LatentWorld, dose: float) -> tuple[LatentParams, LatentReward]:
        params = world.params if params_name is None else replace(world.params, **{params_name: dose})
        return params, replace(world.reward, **{reward_name: dose})

    return make


LIKINGS = (0.0, 0.05, 0.1, 0.2, 0.4)
DOSES: dict[str, Dose] = {
    "length": Dose("length_effect.effect_sd", LIKINGS, _liking("length_liking", "length")),
    "lists": Dose("markdown_effect.effect_sd", LIKINGS, _liking("list_liking", "lists")),
    "flattery": Dose("flattery_effect.effect_sd", LIKINGS, _liking("flattery_liking", "flattery")),
    "refusal": Dose("refusal_effect.effect_sd", LIKINGS, _liking(None, "refusal")),
    "temperature": Dose(
        "calibration.log_temperature",
        (0.5, 0.75, 1.0, 1.5, 2.0),
        lambda world, dose: (world.params, replace(world.reward, temperature=world.reward.temperature * dose)),
    ),
    "new topics": Dose(
        "distribution_shift.drop",
        (0.0, 0.25, 0.5, 0.75, 1.0),
        lambda world, dose: (
            replace(world.params, fresh_new_topics=dose),
            replace(world.reward, new_topic_weight=0.0),
        ),
    ),
    "padding": Dose("paired.difference", (0.0, 0.5, 1.0, 2.0, 4.0), _liking(None, "pad_bug"), sign=-1),
    "prompt weight": Dose(
        "prompt_dependence.dependence",
        (0.0, 0.15, 0.3, 0.55, 1.0),
        _liking(None, "prompt_weight"),
        settings={"items": 1000},
    ),
    "perturbation": Dose("perturbation.flip_rate", (0.05, 0.2, 0.5, 1.0, 2.0), _liking(None, "perturbation")),
}


def audits_at_hand(names: Iterable[str] = SETTINGS) -> list[Audit]:
    """Return the audits of these names that the registry has."""
    return [AUDITS[name](**SETTINGS[name]) for name in names if name in AUDITS]


def _find(audits: list[Audit], params: LatentParams, reward: LatentReward) -> list[Finding]:
    audits = [audit for audit in audits if params.samples or SAMPLES not in audit.slices]
    results = run_audits(audits, evidence_of(params, reward, audits))
    return [
        Finding(f"{r.audit}.{r.metric}", r.estimate, r.ci_low, r.ci_high, r.alarm, r.reason, _named(r))
        for r in results
        if r.scorer == "model" and r.slice in ("heldout", "fresh_policy", "samples", "train")
        and (r.slice != "fresh_policy" or r.audit == "distribution_shift")
    ]  # fmt: skip


def _named(result: AuditResult) -> tuple[tuple[str, str], ...]:
    people = result.detail.get("annotators", ())
    return tuple((person["annotator"], person["kind"]) for person in people if person["kind"])


def run_world(name: str, number: int) -> list[Finding]:
    """Run on one draw of a world the audits at hand that it says something of."""
    worlds = latent_worlds()
    world = worlds[name]
    seed = SEEDS_APART * list(worlds).index(name) + number
    named = {metric.partition(".")[0] for metric in (*world.alarms, *world.quiet)} | set(COVERED.get(name, ()))
    audits = audits_at_hand([audit for audit in SETTINGS if audit in named])
    return _find(audits, replace(world.params, seed=seed), world.reward)


def run_dose(name: str, number: int) -> list[tuple[float, float]]:
    """Run the audit of a dose series on one draw at each dose; return (dose, estimate)."""
    series, world = DOSES[name], latent_worlds()["W0"]
    audits = [replace(audit, **series.settings) for audit in audits_at_hand([series.metric.partition(".")[0]])]
    if not audits:
        return []
    found = []
    for place, dose in enumerate(series.doses):
        params, reward = series.make(world, dose)
        seed = SEEDS_APART * (100 + 10 * list(DOSES).index(name) + place) + number
        findings = _find(audits, replace(params, seed=seed), reward)
        found += [(dose, f.estimate) for f in findings if f.metric == series.metric and f.estimate is not None]
    return found


TENTH = ("accuracy", "length_balanced", "baselines", "length_effect", "distribution_shift", "calibration")
FAULTY = {
    "accuracy.accuracy": "W13",
    "length_balanced.accuracy": "W13",
    "baselines.gain": "W13",
    "length_effect.effect_sd": "W2",
    "distribution_shift.drop": "W8",
    "calibration.log_temperature": "drift",
}
"""A world in which the bound of the gate on this metric is broken."""


def run_tenth(name: str, number: int) -> list[Finding]:
    """Run what the gate wants proved on a tenth of the prompts, and of the edits, of a world."""
    world = latent_worlds()[name]
    audits = [
        replace(audit, items=audit.items // 10) if hasattr(audit, "items") else audit for audit in audits_at_hand(TENTH)
    ]
    params = replace(world.params, prompts=world.params.prompts // 10, samples=0)
    seed = SEEDS_APART * (500 + list(latent_worlds()).index(name)) + number
    return _find(audits, replace(params, seed=seed), world.reward)
