"""Kind `ensemble`: several scorers of texts as one, each standardised first."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rmx.config.ranges import BASELINES
from rmx.domain import Candidate
from rmx.errors import ConfigError, DataError
from rmx.scorers.base import PairwiseJudge, Scored, TextScorer
from rmx.scorers.kind import ScorerKind, Surroundings

__all__ = ["Ensemble", "EnsembleScorer", "Member"]

FEWEST = 2
_OWN_KEYS = ("reward", "mean", "sd")


@dataclass(frozen=True, kw_only=True)
class Ensemble(ScorerKind):
    """Rewards z = (r - mean) / sd of each member: their mean, their least, or mean less λ standard deviations.

    The last two are the conservative combinations of Coste et al. 2023 (arXiv 2310.02743), there with the variance.
    """

    members: Mapping[str, Mapping[str, Any]]
    """By name a node as in `scorer`, with `reward` where its kind reads one, and `mean` and `sd` where known."""
    combine: Literal["mean", "min", "lower_bound"] = "mean"
    penalty: float = 1.0
    """λ of `lower_bound`."""

    kind: ClassVar[str] = "ensemble"

    def __post_init__(self) -> None:
        if len(self.members) < FEWEST:
            raise ValueError(f"members: give at least {FEWEST}")
        for name in self.members:
            if name in ("model", *BASELINES):
                raise ValueError(f"members.{name}: the name is taken in score tables; give the member another")
        if not (math.isfinite(self.penalty) and self.penalty >= 0):
            raise ValueError("penalty must be at least 0")

    @property
    def subject(self) -> str:
        """The members."""
        return f"of {', '.join(self.members)}"

    def load(self, around: Surroundings) -> EnsembleScorer:
        """Load every member.

        Raises:
            ConfigError: A member's node is wrong, or gives no text a reward, or its scale must be known and is not.
        """
        members = {name: _member(name, node, around) for name, node in self.members.items()}
        for name, member in members.items():
            if around.streaming and member.mean is None:
                raise ConfigError(
                    f"scorer.ensemble.members.{name}: texts come in pieces here, so its scale cannot be estimated; "
                    "give its mean and sd"
                )
        return EnsembleScorer(members, self.combine, self.penalty)


@dataclass(frozen=True)
class Member:
    """A scorer with its scale."""

    scorer: TextScorer
    mean: float | None
    """Subtracted from its rewards; None until it is estimated."""
    sd: float | None


class EnsembleScorer:
    """An ensemble behind the protocol of text scorers."""

    def __init__(self, members: Mapping[str, Member], combine: str, penalty: float) -> None:
        self.members = dict(members)
        self.combine = combine
        self.penalty = penalty
        parts = [(name, m.scorer.identity, m.mean, m.sd) for name, m in members.items()]
        self.identity = f"ensemble/{hashlib.sha256(repr((parts, combine, penalty)).encode()).hexdigest()[:16]}"
        self.flags = tuple(f"{name}: {flag}" for name, m in members.items() for flag in m.scorer.flags)

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        """Return the combined rewards of n candidates, with every member's own; one without any of them has none.

        Raises:
            DataError: A member whose scale is to be estimated tells nothing apart.
        """
        parts: dict[str, NDArray[np.float64]] = {}
        reasons: dict[int, str] = {}
        for name, member in self.members.items():
            scored = member.scorer.score_texts(candidates)
            if scored.values.shape != (len(candidates),):
                raise DataError(
                    f"ensemble member {name} gave {scored.values.size:,} rewards for {len(candidates):,} texts"
                )
            parts[name] = scored.values
            for number, reason in scored.reasons.items():
                code, _, detail = reason.partition(": ")
                reasons.setdefault(number, f"{code}: by {name}, {detail}")
        standard = np.stack([self._standard(name, values) for name, values in parts.items()])
        if self.combine == "min":
            values = standard.min(0)
        else:
            values = standard.mean(0)
            if self.combine == "lower_bound":
                values = values - self.penalty * standard.std(0, ddof=1)
        return Scored(values, reasons, parts)

    def _standard(self, name: str, rewards: NDArray[np.float64]) -> NDArray[np.float64]:
        member = self.members[name]
        if member.mean is None or member.sd is None:
            known = rewards[np.isfinite(rewards)]
            spread = float(known.std()) if len(known) else 0.0
            if spread == 0:
                raise DataError(
                    f"ensemble member {name} gives all of {len(known):,} texts one reward, which has no scale; "
                    f"leave it out, or give scorer.ensemble.members.{name}.mean and sd"
                )
            # Estimated once: what is scored later must be on the same scale.
            member = self.members[name] = replace(member, mean=float(known.mean()), sd=spread)
            print(
                f"note: ensemble member {name}: its scale is not known and was estimated on the {len(known):,} texts "
                f"scored first (mean {member.mean:.4g}, sd {spread:.4g})"
            )
        assert member.mean is not None  # noqa: S101  set above
        assert member.sd is not None  # noqa: S101  set above
        return (rewards - member.mean) / member.sd


def _member(name: str, node: Any, around: Surroundings) -> Member:
    from rmx.scorers.registry import build_kind

    where = f"scorer.ensemble.members.{name}"
    kind = build_kind({k: v for k, v in dict(node).items() if k not in _OWN_KEYS}, where=where)
    if isinstance(kind, Ensemble):
        raise ConfigError(f"{where}.kind: an ensemble within one has no name for its members; name them here")
    reward = node.get("reward")
    if kind.reads_reward != (reward is not None):
        wanted = "missing value; give a model" if reward is None else f"{kind.kind} does not read it; leave it out"
        raise ConfigError(f"{where}.reward: {wanted}")
    scorer = kind.load(replace(around, reward=None if reward is None else str(reward)))
    if isinstance(scorer, PairwiseJudge):
        raise ConfigError(f"{where}.kind: {kind.kind} compares pairs and gives no text a reward")
    mean, sd = (_number(node, key, where) for key in ("mean", "sd"))
    if (mean is None) != (sd is None) or (sd is not None and sd <= 0):
        raise ConfigError(f"{where}: give mean and sd, sd above 0, or neither")
    contract = getattr(scorer, "contract", None)
    if mean is None and contract is not None and contract.reward_sd:
        mean, sd = contract.reward_mean, contract.reward_sd
    return Member(scorer, mean, sd)


def _number(node: Mapping[str, Any], key: str, where: str) -> float | None:
    value = node.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where}.{key}: expected a number, got {value!r}")
    return float(value)
