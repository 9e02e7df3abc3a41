"""From a paired difference, two verdicts and the stated needs to a recommendation, by rules that can be read."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rmx.decision.abilities import SCALAR_NEEDS
from rmx.domain import AuditResult, Verdict
from rmx.report.decision import Recommendation

__all__ = ["Advice", "deciding_difference", "pairs_to_settle", "recommend"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, and the rule that said so."""

    recommendation: Recommendation
    reasons: tuple[str, ...]


def deciding_difference(differences: Sequence[AuditResult]) -> AuditResult | None:
    """Return the difference that decides: on fresh answers of the policy where they are labelled, else on heldout.

    Validation chose the checkpoints of both and decides nothing.
    """
    by_slice = {result.slice: result for result in differences if result.estimate is not None}
    return by_slice.get("fresh_policy") or by_slice.get("heldout")


def pairs_to_settle(difference: AuditResult | None, material: float) -> int | None:
    """Return about how many pairs would settle the difference whatever it is; None where they do already, or unknown.

    An interval narrower than `material` cannot hold both 0 and `material`; its width shrinks with the root of the
    pairs.
    """
    if difference is None or difference.ci_low is None or difference.ci_high is None:
        return None
    if difference.ci_low > 0 or difference.ci_high < material:
        return None
    return math.ceil(difference.n_pairs * ((difference.ci_high - difference.ci_low) / material) ** 2)


def recommend(
    difference: AuditResult | None,
    verdicts: tuple[Verdict, Verdict],
    needs: Collection[str],
    material: float,
) -> Advice:
    """Return what to do, and why.

    Args:
        difference: Accuracy of the reward model minus that of DPO's implicit reward, paired.
        verdicts: Of the gate, on the reward model and on the implicit reward.
        needs: What is asked of the result, see `rmx.decision.abilities`.
        material: Smallest difference of accuracy that matters.
    """
    explicit, implicit = verdicts
    if needed := sorted(SCALAR_NEEDS & set(needs)):
        return _explicit_needed(explicit, needed)
    if explicit == implicit == "FAIL":
        return Advice("neither", ("The gate fails the reward model and DPO's implicit reward alike.",))
    if explicit == "FAIL":
        return _without_reward_model(difference, implicit, material)
    if implicit == "FAIL":
        failed = "The gate fails DPO's implicit reward: what the policy has learnt to prefer is not what is wanted."
        if explicit == "PASS":
            return Advice("reward_model", (failed, "The reward model passes."))
        return Advice("not_enough_data", (failed, "Nor is it settled that the reward model may be optimised against."))
    return _by_difference(difference, explicit, material)


def _without_reward_model(difference: AuditResult | None, implicit: Verdict, material: float) -> Advice:
    failed = "The gate fails the reward model: nothing should be optimised against it."
    if implicit == "PASS":
        return Advice("dpo", (failed, "The gate passes DPO's implicit reward."))
    if _better(difference, material):
        # What lost to a reward that fails, and has proved nothing itself, is no advice.
        return Advice(
            "not_enough_data",
            (failed, "DPO's implicit reward orders fewer pairs still, and the gate does not pass it either."),
        )
    return Advice("dpo", (failed, "Nothing that the gate asks of DPO's implicit reward is refuted."))


def _better(difference: AuditResult | None, material: float) -> bool:
    """Return whether the reward model orders more pairs, by an amount that may matter."""
    if difference is None or difference.ci_low is None or difference.ci_high is None:
        return False
    return difference.ci_low > 0 and difference.ci_high >= material


def _explicit_needed(explicit: Verdict, needed: Sequence[str]) -> Advice:
    asked = f"What is asked for ({', '.join(needed)}) takes a scalar reward apart from the policy; DPO has none."
    if explicit == "PASS":
        return Advice("reward_model", (asked, "The gate passes the reward model."))
    if explicit == "FAIL":
        return Advice("neither", (asked, "But the gate fails this reward model."))
    return Advice("not_enough_data", (asked, "But it is not settled that this one may be optimised against."))


def _by_difference(difference: AuditResult | None, explicit: Verdict, material: float) -> Advice:
    if difference is None or difference.ci_low is None or difference.ci_high is None:
        return Advice("not_enough_data", ("No slice that both scored gives their difference an interval.",))
    size = f"{100 * material:g} points"
    if difference.ci_high < material:
        return Advice(
            "dpo",
            (
                f"On {difference.slice} the reward model is not better than DPO's implicit reward by {size} or more.",
                "DPO needs no further stage: its training ends with a policy.",
            ),
        )
    if difference.ci_low <= 0:
        return Advice(
            "not_enough_data",
            (
                f"On {difference.slice} the difference may be nothing, and may be {size} or more in favour of the "
                "reward model.",
            ),
        )
    better = f"On {difference.slice} the reward model orders more pairs as labelled than DPO's implicit reward."
    if explicit == "PASS":
        return Advice("reward_model", (better, "The gate passes it."))
    return Advice("not_enough_data", (better, "But it is not settled that it may be optimised against."))
