"""The frozen records that every room shares: pairs, candidates, audit results, gate decisions; imports no room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

__all__ = [
    "AuditResult",
    "Candidate",
    "GateDecision",
    "LabelSource",
    "Message",
    "Origin",
    "PreferencePair",
    "RequirementOutcome",
    "Status",
    "Verdict",
]

LabelSource = Literal["human", "model", "gold", "unknown"]
Status = Literal["PASS", "FAIL", "INCONCLUSIVE", "REPORTED"]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class Message(NamedTuple):
    """One turn of a dialogue; `role` is system, user, assistant or tool, or of the first turn tools.

    What a turn has besides text, and the tools that a dialogue may use, are in `content` too (`rmx.data.turns`).
    """

    role: str
    content: str


class Origin(NamedTuple):
    """Where a row came from: the file (or hub data set) and its row number, counted from 1."""

    file: str
    row: int


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """One comparison: the same prompt, a chosen and a rejected completion.

    A completion is the assistant turn being judged; every earlier turn is part of `prompt`.
    """

    pair_id: str
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    origin: Origin
    group: str = ""
    """Unit of splitting and of every interval; empty until grouping unless the data gave one."""
    agreement: float = 1.0
    """Votes for chosen divided by all votes, ties in the denominator."""
    votes: tuple[int, int, int] | None = None
    """Votes for (chosen, rejected, tie), where several annotators voted."""
    strength: float | None = None
    """Label strength as published; a target margin when `loss.margin` names its column."""
    weight: float = 1.0
    label_source: LabelSource = "unknown"
    tags: Mapping[str, str] = field(default_factory=dict)
    tied: bool = False
    """Neither side was preferred: chosen and rejected are in the data's order. Only train may hold ties."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One text that a scorer turns into a number: a prompt and a completion."""

    candidate_id: str
    """Hash of prompt and completion: equal texts have equal ids and are scored once."""
    prompt: tuple[Message, ...]
    completion: str
    tokens: int = 0
    """Tokens of the completion as rendered for the model, terminal token included; 0 where no tokenizer was at hand."""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """One audited number with its interval, what it is held against, and what follows."""

    audit: str
    slice: str
    scorer: str
    metric: str
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    ci_method: str
    n_pairs: int
    n_groups: int
    mde: float | None = None
    """Smallest effect found with power .80 at two-sided .05: 2.80 standard errors."""
    null_value: float | None = None
    p_value: float | None = None
    alarm: bool = False
    """The interval excludes `null_value`."""
    tolerance: tuple[float | None, float | None] | None = None
    """(low, high); None on a side means unbounded there."""
    status: Status = "REPORTED"
    reason: str = ""
    draws: int | None = None
    seed: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequirementOutcome:
    """What one gate requirement wanted, what it found, and how that counts."""

    name: str
    kind: Literal["prove", "refute"]
    audit: str
    slice: str
    scorer: str
    metric: str
    bound: str
    """The bound in words, for example `> 0.6` or `|x| < 0.2`."""
    status: Verdict
    reason: str
    result: AuditResult | None = None


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The verdict on whether the reward may be optimised against, and what blocks it."""

    gate: str
    verdict: Verdict
    requirements: tuple[RequirementOutcome, ...]
    blocked_by: tuple[str, ...]
    simulated: bool = False
    """Labels of a deciding slice are simulated gold; everything printed says so."""
    folds: int = 0
    """Models of a cross-fit whose scores were judged: then the verdict concerns the recipe that trained them. 0 where
    one model was judged."""
