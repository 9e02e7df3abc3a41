"""Registers tree attention with transformers, whose own model code then runs on a forest unchanged."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from rmx.data.batch import PrefixForest
from rmx.model.tree_attention.blocks import BlockPlan, plan_blocks
from rmx.model.tree_attention.flex import FlexPlan
from rmx.model.tree_attention.operator import tree_attention
from rmx.model.tree_attention.rule import ScoreRule

__all__ = ["TREE_ATTENTION", "tree_plan"]

TREE_ATTENTION = "rmx_tree"
"""The name of the attention implementation; a backbone that has it runs forests only."""


def tree_plan(forest: PrefixForest) -> BlockPlan | FlexPlan:
    """Return what a forward over the forest passes to every layer as `tree`, made once for all of them."""
    return plan_blocks(forest) if forest.ids.device.type == "cpu" else FlexPlan(forest)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    *,
    tree: BlockPlan | FlexPlan,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attend as transformers asks it of an implementation: (1, heads, T, width) in, (1, T, heads, width) out."""
    if kwargs.get("s_aux") is not None:
        raise NotImplementedError("attention sinks")
    rule = ScoreRule(query.shape[-1] ** -0.5 if scaling is None else scaling, sliding_window, softcap)
    q, k, v = query[0], key[0], value[0]
    out = tree.attend(q, k, v, rule) if isinstance(tree, FlexPlan) else tree_attention(q, k, v, tree, rule)
    return out[None], None


def _no_mask(*_: Any, **__: Any) -> None:
    """A forest has no mask: its plan says what sees what."""


AttentionInterface.register(TREE_ATTENTION, _attention)
AttentionMaskInterface.register(TREE_ATTENTION, _no_mask)
