"""A5c: how often does the scorer prefer a policy over a reference, and how often if both wrote at the same length?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.audits.accuracy import accuracy_interval
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Clusters, Interval, fit_logistic, t_interval
from rmx.audits.tags import number_tags, tag_values
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["LengthControlled"]

Floats = NDArray[np.float64]
DIFFICULTY = "instruction_difficulty"


@dataclass(frozen=True, kw_only=True)
class LengthControlled(Audit):
    """How often the scorer prefers a policy's answers over a reference's, as they are and as if equally long.

    `controlled_win_rate` is AlpacaEval's (Dubois et al. 2024, arXiv 2404.04475; `length_controlled_v1` in
    alpaca_eval/metrics/glm_winrate.py): of each policy, P(preferred) = σ(θ + φ tanh(Δ/sd(Δ)) + ψ difficulty), Δ the
    length of its answer minus the reference's, predicted at Δ = 0 and averaged over the prompts. `length_premium` is
    the win rate minus that. Ties count one half. It compares policies and adjusts them: where longer answers are
    better, an unbiased scorer pays a premium too. *Observational.*

    Three things differ from theirs. Lengths are tokens, not characters. Difficulty is theirs for AlpacaEval's own
    prompts, estimated over many models; it is a term where every pair has it as tag `instruction_difficulty`, and is
    left out elsewhere: φ then takes in what length and difficulty have in common, and θ is an average over prompts, a
    little nearer to 0 than that of the average prompt. Their penalty (L1, and two rewritings of the reference with
    θ = 0) is left out: it has no interval. Where lengths alone decide what is preferred there is no fit, and the result
    says so.

    Reads tags `chosen_policy` and `rejected_policy`, and the lengths. Only labelled pairs are in a slice: where the
    labeller saw a tie there is none.
    """

    policy: str | None = None
    """The policy; null for every other policy than the reference, each fitted by itself, the mean over their pairs."""
    reference: str | None = None
    """The policy it is compared with; null for the only one that stands in every pair."""

    name: ClassVar[str] = "length_controlled"
    metrics: ClassVar[tuple[str, ...]] = ("win_rate", "controlled_win_rate", "length_premium")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has each policy, and the same rates by the labels.

        Raises:
            UnavailableError: No lengths or policies of the pairs, or none of the policies asked for.
        """
        view = evidence.view(slice, scorer)
        if view.chosen_tokens is None or view.rejected_tokens is None:
            raise UnavailableError("not_provided", f"no chosen_tokens and rejected_tokens of every pair of {slice}")
        chosen, rejected = tag_values(view, "chosen_policy", "rejected_policy")
        reference = self.reference or _only_one(chosen, rejected, slice)
        is_chosen = (rejected == reference) & (chosen != reference)
        used = is_chosen | ((chosen == reference) & (rejected != reference))
        policies = np.where(is_chosen, chosen, rejected)
        if self.policy is not None:
            used &= policies == self.policy
        if not used.any():
            raise UnavailableError(f"slice {slice} has no pair of {self.policy or 'another policy'} and {reference}")
        side = np.where(is_chosen, 1.0, -1.0)[used]
        longer = side * (view.chosen_tokens - view.rejected_tokens)[used]
        pairs = _Pairs(policies[used], longer, _difficulty(view, used), view.group_codes[used])
        return self._results(pairs, side * np.sign(view.margins[used]), side, view, reference)

    def _results(
        self, pairs: _Pairs, by_scorer: Floats, by_label: Floats, view: ScoreView, reference: str
    ) -> list[AuditResult]:
        wins = (by_scorer + 1) / 2
        found, labels = _controlled(pairs, wins), _controlled(pairs, (by_label + 1) / 2)
        size: dict[str, Any] = {"slice": view.slice, "scorer": view.scorer}
        size |= {"n_pairs": len(wins), "n_groups": Clusters(pairs.groups).count}
        by_policy = {
            str(name): _describe(pairs.of(name), wins[pairs.policy == name]) for name in np.unique(pairs.policy)
        }
        adjusted = ["length", *([] if pairs.difficulty is None else [DIFFICULTY])]
        brief = {"observational": True, "reference": reference, "adjusted_for": adjusted}
        detail = {
            **brief,
            "policies": by_policy,
            "longer_share": float((pairs.difference > 0).mean()),
            "labels": {
                "win_rate": float((by_label > 0).mean()),
                "controlled_win_rate": None if isinstance(labels, str) else labels.rate,
            },
            "left_out": len(view) - len(wins),
        }
        raw = accuracy_interval(wins, pairs.groups)
        results = [self.answer("win_rate", raw, null_value=0.5, detail=detail, **size)]
        if isinstance(found, str):
            names = {key: size[key] for key in ("slice", "scorer")}
            return results + [self.unanswered(m, reason=found, detail=brief, **names) for m in self.metrics[1:]]
        clusters = Clusters(pairs.groups)
        premium = raw.estimate - found.rate
        of_premium = (wins - raw.estimate) / len(wins) - found.influence
        gap = t_interval(premium, of_premium, clusters, null=0.0, size=1.0)
        return [
            *results,
            self.answer("controlled_win_rate", found.interval(clusters), null_value=0.5, detail=brief, **size),
            self.answer("length_premium", gap, null_value=0.0, detail=brief, **size),
        ]


class _Pairs(NamedTuple):
    """Pairs of a policy and the reference, arrays of shape (pairs,)."""

    policy: NDArray[np.str_]
    difference: Floats
    """Tokens of the policy's answer minus those of the reference's."""
    difficulty: Floats | None
    groups: NDArray[np.int64]

    def of(self, policy: str) -> _Pairs:
        mine = self.policy == policy
        difficulty = None if self.difficulty is None else self.difficulty[mine]
        return _Pairs(self.policy[mine], self.difference[mine], difficulty, self.groups[mine])


class _Rate(NamedTuple):
    rate: float
    influence: Floats

    def interval(self, clusters: Clusters) -> Interval:
        """Return the t interval of the log odds, carried back: it stays within (0, 1)."""
        from scipy.special import expit, logit

        slope = self.rate * (1 - self.rate)
        inner = t_interval(float(logit(self.rate)), self.influence / slope, clusters, null=0.0, size=1.0)
        error = None if inner.standard_error is None else slope * inner.standard_error
        low, high = (None if end is None else float(expit(end)) for end in (inner.low, inner.high))
        method = "cluster-robust t on log odds"
        return replace(inner, estimate=self.rate, low=low, high=high, standard_error=error, method=method)


def _controlled(pairs: _Pairs, wins: Floats) -> _Rate | str:
    """Return the rate at equal lengths with its influences, or why there is none.

    The standard deviation of the lengths, which only sets where tanh bends, is taken as given.
    """
    from scipy.special import expit

    predicted, influence = np.zeros(len(wins)), np.zeros(len(wins))
    for name in np.unique(pairs.policy):
        rows = np.flatnonzero(pairs.policy == name)
        part = pairs.of(name)
        spread = float(part.difference.std(ddof=1)) if len(rows) > 1 else 0.0
        if spread == 0:
            return f"the lengths of {name} and the reference never differ, or always by as much"
        level = [np.ones(len(rows))] if part.difficulty is None else [np.ones(len(rows)), part.difficulty]
        equal = np.column_stack(level)
        fitted = fit_logistic(np.column_stack([equal, np.tanh(part.difference / spread)]), wins[rows])
        if fitted is None:
            return f"length or one side alone decides what is preferred of {name} and the reference"
        chance = expit(equal @ fitted.coefficients[:-1])
        gradient = (chance * (1 - chance)) @ equal
        predicted[rows] = chance
        influence[rows] = fitted.influence[:, :-1] @ gradient
    rate = float(predicted.mean())
    return _Rate(rate, (influence + predicted - rate) / len(wins))


def _describe(pairs: _Pairs, wins: Floats) -> Mapping[str, Any]:
    """Return size, both rates and the difference in length of one policy, for the `detail` of a result."""
    found = _controlled(pairs, wins)
    interval = None if isinstance(found, str) else found.interval(Clusters(pairs.groups))
    return {
        "n_pairs": len(wins),
        "win_rate": float(wins.mean()),
        "controlled_win_rate": None if interval is None else interval.estimate,
        "ci_low": None if interval is None else interval.low,
        "ci_high": None if interval is None else interval.high,
        "tokens_longer": float(pairs.difference.mean()),
    }


def _difficulty(view: ScoreView, used: NDArray[np.bool_]) -> Floats | None:
    """Return the difficulty of every prompt; None where a pair lacks it."""
    if any(DIFFICULTY not in tags for tags in view.tags()):
        return None
    return number_tags(view, DIFFICULTY, signed=True)[0][used]


def _only_one(chosen: NDArray[np.str_], rejected: NDArray[np.str_], slice: str) -> str:
    """Return the policy that stands in every pair of two policies."""
    two = chosen != rejected
    if not two.any():
        raise UnavailableError("not_applicable", f"both answers of every pair of slice {slice} are of one policy")
    everywhere = [
        n for n in {str(chosen[two][0]), str(rejected[two][0])} if ((chosen == n) | (rejected == n))[two].all()
    ]
    if len(everywhere) != 1:
        known = ", ".join(sorted({*chosen.tolist(), *rejected.tolist()})[:5])
        raise UnavailableError(
            "not_provided", f"which policy of slice {slice} is the reference (set reference to one of {known})"
        )
    return everywhere[0]
