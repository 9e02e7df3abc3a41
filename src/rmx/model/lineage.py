"""Where a model descends from: the family of its backbone and the tokenizer that it reads text with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Lineage", "lineage_note"]


class Lineage(NamedTuple):
    """What two models have in common if one was made from the other, or both from a third."""

    family: str
    """`model_type` of the transformers config; empty where it is not known."""
    tokenizer_hash: str
    """`Renderer.tokenizer_fingerprint`; empty where it is not known."""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Lineage:
        """Read the lineage from recorded facts of a model."""
        return cls(str(facts.get("model_type") or ""), str(facts.get("tokenizer_hash") or ""))


def lineage_note(policy: Lineage, reward: Lineage) -> str | None:
    """Return in a sentence how a policy descends from elsewhere than the reward; None where nothing shows it.

    RewardBench 2 (section 5) found that a reward model helps reinforcement learning less where its base model is not
    the policy's, whatever its accuracy: worth knowing, and no reason to refuse.
    """
    named = {"family": (policy.family, reward.family), "tokenizer": (policy.tokenizer_hash, reward.tokenizer_hash)}
    other = [f"{what} {mine} against {its}" for what, (mine, its) in named.items() if mine and its and mine != its]
    if not other:
        return None
    return (
        f"the policy is of another lineage than the reward ({', '.join(other)}); "
        "rewards transfer less well to such a policy than their accuracy says"
    )
