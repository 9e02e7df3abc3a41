"""The sentences of a recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rmx.config.schema import DecideConfig
from rmx.domain import AuditResult
from rmx.report.comparison import Comparison
from rmx.report.decision import Arm, Recommendation
from rmx.report.sentences import interval_words

__all__ = ["caveat_sentences", "cost_sentences", "difference_sentences", "headline"]

_HEADLINES: Mapping[Recommendation, str] = {
    "reward_model": "Train the explicit reward model",
    "dpo": "Start with DPO",
    "neither": "Neither yet",
    "not_enough_data": "Not enough data to tell",
}


def headline(recommendation: Recommendation) -> str:
    """Return the recommendation in words."""
    return _HEADLINES[recommendation]


def difference_sentences(difference: AuditResult | None, pairs_needed: int | None) -> Iterator[str]:
    """Yield the paired difference with its interval, and what would settle it."""
    if difference is None:
        return
    yield (
        f"Accuracy on {difference.slice}, reward model minus DPO on the same {difference.n_pairs:,} pairs: "
        f"{interval_words(difference)}."
    )
    if pairs_needed is not None:
        yield f"About {pairs_needed:,} labelled pairs of {difference.slice} would settle it either way."


def cost_sentences(reward_model: Arm, dpo: Arm, decide: DecideConfig) -> Iterator[str]:
    """Yield what the two cost beside each other, and which breaks the bound on memory."""
    mine, theirs = reward_model.cost, dpo.cost
    yield (
        f"DPO took {theirs.training_flops / mine.training_flops:.1f} times the reward model's operations in training, "
        f"and takes {theirs.scoring_flops_per_token / mine.scoring_flops_per_token:.1f} times for a reward; the reward "
        "model has a policy still to be optimised against it."
    )
    for arm in (reward_model, dpo):
        peak, bound = arm.cost.peak_memory_gib, decide.memory_gib
        if bound is not None and peak is not None and peak > bound:
            yield f"{arm.name} took {peak:.1f} GiB in training, more than the {bound:g} GiB that are allowed."


def caveat_sentences(
    difference: AuditResult | None,
    comparison: Comparison,
    arms: Sequence[Arm],
    differing: Mapping[str, tuple[str, str]],
) -> Iterator[str]:
    """Yield what the recommendation does not rest on."""
    yield (
        "Accuracy on pairs says how well each orders answers, not how good a policy comes of it: neither policy was "
        "optimised or judged here."
    )
    if difference is not None and difference.slice != "fresh_policy":
        yield (
            "No slice fresh_policy with labels was given to both: how they order answers of the policy itself is not "
            "known."
        )
    simulated = [run.name for run in comparison.runs if run.decision.simulated]
    if simulated:
        yield "Labels are simulated: they come from a known gold reward, not from people."
    if arms[0].cost.steps != arms[1].cost.steps:
        yield (
            f"The budgets differ: {arms[0].name} took {arms[0].cost.steps:,} optimiser steps, {arms[1].name} "
            f"{arms[1].cost.steps:,}."
        )
    if differing:
        named = ", ".join(f"{key} ({mine} and {theirs})" for key, (mine, theirs) in differing.items())
        yield f"The two were set otherwise in {named}."
    yield "One training of each: another seed moves both accuracies, and with them the difference."
