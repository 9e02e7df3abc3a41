"""A15: does choosing the best of n answers by this reward make them better, and from which n on worse again?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.best_of_n_curves import Curves, best_of_n_curves
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.examples import Example, Side
from rmx.audits.statistics import Interval, mean_interval
from rmx.domain import AuditResult

__all__ = ["BestOfN"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BestOfN(Audit):
    """Gold reward of the best of n answers by the reward: what n gains over one answer, and what is lost again beyond.

    R(n) is the unbiased average over all subsets of n of a prompt's N samples, N at least twice the largest n; where
    gold is known of some samples only, the best of the first n of them in random order.
    `gain_sd`: R(n_use) - R(1) in gold. `decline_sd`: R(n*) - R(n_max) in gold, where n* below n_max is the best n on
    the other half of the prompts; below zero gold still rises. Both are in standard deviations of gold over the
    policy's samples. `win_rate`: how often the best of n_use has more gold than one further sample.
    """

    slices: tuple[str, ...] = ("samples",)
    n_max: int | None = None
    """Largest n; half of the fewest samples that a prompt has, if not given."""
    n_use: int | None = None
    """The n that is meant to be used, one of 1, 2, 4 ... n_max; n_max if not given."""

    name: ClassVar[str] = "best_of_n"
    metrics: ClassVar[tuple[str, ...]] = ("gain_sd", "decline_sd", "win_rate")
    counts: ClassVar[str] = "prompts"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `n_pairs` counts prompts.

        `detail` of `gain_sd` has the whole curve: n, KL in nats and its bound log n - (n-1)/n, gold and proxy gained
        over n = 1 in their own standard deviations with intervals, and the win rate. The alarm of `decline_sd` is
        one-sided: it says that gold falls.
        """
        curves = best_of_n_curves(evidence, slice, scorer, self.n_max)
        use = curves.sizes[-1] if self.n_use is None else self.n_use
        if use not in curves.sizes:
            raise UnavailableError(f"n_use={use} is none of the sizes {', '.join(map(str, curves.sizes))}")
        place = curves.sizes.index(use)
        facts: dict[str, Any] = {
            "slice": slice,
            "scorer": scorer,
            "n_pairs": curves.prompts,
            "n_groups": curves.clusters.count,
        }
        gain = curves.gold_spread.mean(curves.gold[:, place] - curves.gold[:, 0], curves.clusters)
        losses, chosen = _cross_fitted(curves)
        decline = curves.gold_spread.mean(losses, curves.clusters)
        wins = _inside(mean_interval(curves.wins[:, place], curves.clusters, null=0.5, support=(0.0, 1.0)))
        best = curves.sizes[int(curves.gold.mean(0).argmax())]
        lost = self.answer(
            "decline_sd",
            decline,
            null_value=0.0,
            detail={"n_max": curves.sizes[-1], "n_star": best, "n_star_by_half": chosen},
            **facts,
        )
        return [
            self.answer(
                "gain_sd",
                gain,
                null_value=0.0,
                detail={"n": use, "rated": curves.rated, "curve": _curve(curves)},
                **facts,
            ),
            # A curve that still rises is no cause for alarm.
            replace(lost, alarm=lost.ci_low is not None and lost.ci_low > 0),
            self.answer("win_rate", wins, null_value=0.5, detail={"n": use}, **facts),
        ]

    def examples(self, evidence: Evidence, *, slice: str, scorer: str, most: int) -> list[Example]:
        """Return the prompts at which the reward's favourite of the rated answers is furthest from the best in gold.

        `size` is the gold that its choice costs, in standard deviations over the rated answers.
        """
        samples = evidence.samples(slice, scorer)
        spread = float(np.concatenate([gold[np.isfinite(gold)] for gold in samples.gold]).std())
        found: list[Example] = []
        for candidates, rewards, gold in zip(samples.candidates, samples.rewards, samples.gold, strict=True):
            rated = np.flatnonzero(np.isfinite(gold))
            if not len(rated):
                continue
            favourite, best = rated[rewards[rated].argmax()], rated[gold[rated].argmax()]
            sides = (
                Side(f"best by gold, {gold[best]:.2f}", str(candidates[best]), float(rewards[best])),
                Side(
                    f"favourite of the reward, gold {gold[favourite]:.2f}",
                    str(candidates[favourite]),
                    float(rewards[favourite]),
                ),
            )
            size = float(gold[favourite] - gold[best]) / spread
            if size < 0:
                found.append(Example(self.name, slice, scorer, "best of n", "gold_shift_sd", size, sides))
        return sorted(found, key=lambda example: example.size)[:most]


def _inside(rate: Interval) -> Interval:
    """Return the interval of a rate without what no rate can be."""
    if rate.low is None or rate.high is None:
        return rate
    return replace(rate, low=max(0.0, rate.low), high=min(1.0, rate.high))


def _cross_fitted(curves: Curves) -> tuple[Floats, list[int]]:
    """Return each prompt's gold(n*) - gold(n_max), n* chosen on the half it is not in, and n* of both halves."""
    losses = np.empty(curves.prompts)
    chosen = []
    for mine in curves.halves():
        place = int(curves.gold[~mine, :-1].mean(0).argmax())
        losses[mine] = curves.gold[mine, place] - curves.gold[mine, -1]
        chosen.append(curves.sizes[place])
    return losses, chosen


def _curve(curves: Curves) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    distances = zip(curves.sizes, curves.kl.tolist(), curves.kl_bound.tolist(), strict=True)
    for k, (n, kl, bound) in enumerate(distances):
        row: dict[str, Any] = {"n": n, "kl": kl, "kl_bound": bound, "win_rate": float(curves.wins[:, k].mean())}
        for name, values, spread in (
            ("gold", curves.gold, curves.gold_spread),
            ("proxy", curves.proxy, curves.proxy_spread),
        ):
            interval = spread.mean(values[:, k] - values[:, 0], curves.clusters)
            row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
        rows.append(row)
    return rows
