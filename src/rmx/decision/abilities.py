"""What an explicit reward model and a DPO policy can do afterwards."""

from __future__ import annotations

from collections.abc import Collection

from rmx.report.decision import Ability

__all__ = ["SCALAR_NEEDS", "abilities"]

SCALAR_NEEDS = frozenset({"online", "inspect"})
"""Needs that an implicit reward does not serve."""

_TABLE = (
    (
        "online",
        "optimise a policy online (PPO, GRPO)",
        "yes, once the gate passes it",
        "no: its reward is read off the policy itself; a frozen copy would take two language models for every answer",
    ),
    (
        "rerank",
        "choose the best of several answers",
        "yes, one forward pass an answer",
        "at a price: policy and reference both read every answer, and the sum over its tokens favours some lengths",
    ),
    (
        "inspect",
        "an inspectable number for each answer",
        "yes, a scalar with a contract, a scale and a temperature",
        "only margins within a prompt mean something",
    ),
    (
        "one_stage",
        "a policy from the pairs without a further stage",
        "no: a policy is optimised against it afterwards",
        "yes, it is the policy",
    ),
)


def abilities(needs: Collection[str]) -> tuple[Ability, ...]:
    """Return the table of abilities, with those marked that `decide.needs` asks for."""
    return tuple(Ability(need, what, need in needs, *each) for need, what, *each in _TABLE)
