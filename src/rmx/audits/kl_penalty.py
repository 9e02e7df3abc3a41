"""Reward minus β times KL along best-of-n: where that objective would stop, and what gold is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.best_of_n_curves import Curves, best_of_n_curves
from rmx.audits.evidence import Evidence
from rmx.domain import AuditResult

__all__ = ["KLPenalty"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class KLPenalty(Audit):
    """Does the objective of RLHF, E[r] - β KL(policy, initial policy), stop before gold declines?

    Read along best-of-n: its n_β is the size at which mean reward minus β times KL is highest. `gain_sd`: the gold that
    n_β gains over one answer. `shortfall_sd`: the gold that is lost by stopping there and not at n*, where gold is
    highest; below zero where n_β happens to do better on other prompts. n_β and n* are chosen on the half of the
    prompts that is not read. Both are in standard deviations of gold over the policy's samples.
    """

    slices: tuple[str, ...] = ("samples",)
    beta: float = 0.1
    """Price of a nat of KL in the reward's own units, as in the objective of reinforcement learning."""
    n_max: int | None = None
    """Largest n; half of the fewest samples that a prompt has, if not given."""

    name: ClassVar[str] = "kl_penalty"
    metrics: ClassVar[tuple[str, ...]] = ("gain_sd", "shortfall_sd")
    reads_folds = "never"
    counts: ClassVar[str] = "prompts"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta < 0:
            raise ValueError(f"beta must not be negative, not {self.beta}")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `n_pairs` counts prompts.

        `detail` of `gain_sd` has the objective at every n, and n_β and n* of all prompts and of the halves. The alarm
        of `shortfall_sd` is one-sided: it says that another n would have more gold.
        """
        curves = best_of_n_curves(evidence, slice, scorer, self.n_max)
        gains, losses = np.empty(curves.prompts), np.empty(curves.prompts)
        halves: dict[str, list[int]] = {"n_beta": [], "n_star": []}
        for mine in curves.halves():
            stop = int(self._objective(curves, ~mine).argmax())
            best = int(curves.gold[~mine].mean(0).argmax())
            gains[mine] = curves.gold[mine, stop] - curves.gold[mine, 0]
            losses[mine] = curves.gold[mine, best] - curves.gold[mine, stop]
            halves["n_beta"].append(curves.sizes[stop])
            halves["n_star"].append(curves.sizes[best])
        everywhere = np.ones(curves.prompts, dtype=bool)
        objective = self._objective(curves, everywhere)
        detail = {
            "beta": self.beta,
            "n_beta": curves.sizes[int(objective.argmax())],
            "n_star": curves.sizes[int(curves.gold.mean(0).argmax())],
            **{f"{name}_by_half": sizes for name, sizes in halves.items()},
            "curve": [
                {"n": n, "kl": kl, "objective": value}
                for n, kl, value in zip(curves.sizes, curves.kl.tolist(), objective.tolist(), strict=True)
            ],
        }
        facts: dict[str, Any] = {
            "slice": slice,
            "scorer": scorer,
            "n_pairs": curves.prompts,
            "n_groups": curves.clusters.count,
            "null_value": 0.0,
        }
        lost = self.answer("shortfall_sd", curves.gold_spread.mean(losses, curves.clusters), **facts)
        return [
            self.answer("gain_sd", curves.gold_spread.mean(gains, curves.clusters), detail=detail, **facts),
            replace(lost, alarm=lost.ci_low is not None and lost.ci_low > 0),
        ]

    def _objective(self, curves: Curves, prompts: NDArray[np.bool_]) -> Floats:
        """Return what is gained over one answer, in the reward's units, minus the price of KL; (sizes,)."""
        reward = curves.proxy[prompts].mean(0)
        found: Floats = reward - reward[0] - self.beta * curves.kl_of_prompts[prompts].mean(0)
        return found
