"""Explicit reward model or DPO: what the page, the terminal and `decision.json` say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rmx.audits.files import write_json
from rmx.domain import AuditResult, Verdict

__all__ = ["Ability", "Arm", "Cost", "Decision", "Recommendation", "write_decision"]

Recommendation = Literal["reward_model", "dpo", "neither", "not_enough_data"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What training one of the two took, and what a reward of it takes afterwards."""

    steps: int
    tokens: int
    """Distinct tokens trained on."""
    training_flops: float
    """Counted, not measured: see `rmx.decision.cost`."""
    training_seconds: float
    peak_memory_gib: float | None
    """Of the process that trained, or of its GPU; None where the run did not record it."""
    scoring_flops_per_token: float
    models_at_scoring: int
    """Forward passes of a backbone that one reward takes."""
    stages_left: str
    """What still has to be done before there is a policy."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the two that are compared."""

    name: str
    path: str
    verdict: Verdict
    cost: Cost


@dataclass(frozen=True, slots=True)
class Ability:
    """What the two can do afterwards."""

    need: str
    """As `decide.needs` calls it."""
    what: str
    asked: bool
    reward_model: str
    dpo: str


@dataclass(frozen=True)
class Decision:
    """A recommendation with its reasons and its uncertainty."""

    recommendation: Recommendation
    headline: str
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]
    """What the recommendation does not rest on, or rests on weakly."""
    deciding: AuditResult | None
    """The paired difference of accuracy, reward model minus DPO, on the slice that decides."""
    material: float
    """A difference of accuracy below this does not matter (`decide.material`)."""
    pairs_needed: int | None
    """About how many pairs of the deciding slice would settle the difference either way."""
    reward_model: Arm
    dpo: Arm
    abilities: tuple[Ability, ...]
    differing_settings: Mapping[str, tuple[str, str]]
    """Keys beside the method in which the two were trained otherwise: values of both."""


def write_decision(path: Path, decision: Decision) -> None:
    """Write `decision.json`."""
    write_json(asdict(decision), path)
