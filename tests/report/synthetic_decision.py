"""A decision between a reward model and DPO with hand-set numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from synthetic_comparison import difference

from rmx.decision.abilities import abilities
from rmx.report.decision import Arm, Cost, Decision

_COST = Cost(
    steps=52,
    tokens=230_114,
    training_flops=1.3e14,
    training_seconds=912.4,
    peak_memory_gib=3.214,
    scoring_flops_per_token=2.1e8,
    models_at_scoring=1,
    stages_left="optimise a policy against it",
)


def decision_of(**changes: Any) -> Decision:
    dpo = replace(_COST, training_flops=2.6e14, peak_memory_gib=None, models_at_scoring=2, stages_left="none")
    made = Decision(
        recommendation="not_enough_data",
        headline="Not enough data to tell",
        reasons=("On heldout the difference may be nothing.", "About 5,168 labelled pairs of heldout would settle it."),
        caveats=("One training of each.",),
        deciding=difference("dpo", 0.02, half=0.04),
        material=0.02,
        pairs_needed=5168,
        reward_model=Arm("rm", "outputs/d/rm", "INCONCLUSIVE", _COST),
        dpo=Arm("dpo", "outputs/d/dpo", "FAIL", dpo),
        abilities=abilities(["online"]),
        differing_settings={"optim.lr": ("0.001", "0.0001")},
    )
    return replace(made, **changes)
