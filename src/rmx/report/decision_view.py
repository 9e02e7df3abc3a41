"""A decision between an explicit reward model and DPO as rows and sentences."""

from __future__ import annotations

from dataclasses import dataclass

from rmx.domain import Verdict
from rmx.report.decision import Ability, Arm, Decision
from rmx.report.track import Track, track

__all__ = ["DecisionView", "view_decision"]

_TONES = {"reward_model": "pass", "dpo": "pass", "neither": "fail", "not_enough_data": "inconclusive"}


@dataclass(frozen=True, slots=True)
class CostRow:
    """One measure of cost, of both."""

    what: str
    reward_model: str
    dpo: str


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision for the page."""

    tone: str
    """Class of its colour."""
    headline: str
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]
    verdicts: tuple[tuple[str, str, Verdict], ...]
    """Method, directory and the gate's verdict."""
    costs: tuple[CostRow, ...]
    abilities: tuple[Ability, ...]
    track: Track | None
    """The deciding difference."""


def view_decision(decision: Decision) -> DecisionView:
    """Return a decision in rows and sentences."""
    arms = (decision.reward_model, decision.dpo)
    return DecisionView(
        tone=_TONES[decision.recommendation],
        headline=decision.headline,
        reasons=decision.reasons,
        caveats=decision.caveats,
        verdicts=tuple((name, arm.path, arm.verdict) for name, arm in zip(("Reward model", "DPO"), arms, strict=True)),
        costs=_costs(*arms),
        abilities=decision.abilities,
        track=None if decision.deciding is None else track(decision.deciding),
    )


def _costs(reward_model: Arm, dpo: Arm) -> tuple[CostRow, ...]:
    mine, theirs = reward_model.cost, dpo.cost
    return (
        CostRow("Optimiser steps", f"{mine.steps:,}", f"{theirs.steps:,}"),
        CostRow("Distinct tokens trained on", f"{mine.tokens:,}", f"{theirs.tokens:,}"),
        CostRow("Operations in training, counted", _flops(mine.training_flops), _flops(theirs.training_flops)),
        CostRow("Time in training", _time(mine.training_seconds), _time(theirs.training_seconds)),
        CostRow("Peak memory", _memory(mine.peak_memory_gib), _memory(theirs.peak_memory_gib)),
        CostRow(
            "For a reward, operations a token",
            f"{_flops(mine.scoring_flops_per_token)}, {_passes(mine.models_at_scoring)}",
            f"{_flops(theirs.scoring_flops_per_token)}, {_passes(theirs.models_at_scoring)}",
        ),
        CostRow("Stages left before there is a policy", mine.stages_left, theirs.stages_left),
    )


def _flops(operations: float) -> str:
    for unit, size in (("P", 1e15), ("T", 1e12), ("G", 1e9)):
        if operations >= size:
            return f"{operations / size:,.2f} {unit}FLOP"
    return f"{operations / 1e6:,.2f} MFLOP"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _memory(gib: float | None) -> str:
    return "not measured" if gib is None else f"{gib:.2f} GiB"


def _passes(count: int) -> str:
    return "one forward pass" if count == 1 else f"{count} forward passes"
