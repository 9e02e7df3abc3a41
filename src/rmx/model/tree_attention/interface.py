"""Registers tree attention with transformers, whose own model code then runs on a forest unchanged."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from rmx.data.batch import PrefixForest
from rmx.errors import ModelError
from rmx.model.tree_attention.blocks import BlockPlan, plan_blocks
from rmx.model.tree_attention.flex import FlexPlan
from rmx.model.tree_attention.operator import tree_attention
from rmx.model.tree_attention.rule import ScoreRule

__all__ = ["TREE_ATTENTION", "tree_plan"]

TREE_ATTENTION = "rmx_tree"
"""The name of the attention implementation; a backbone that has it runs forests only."""

_HARMLESS = frozenset({"position_ids", "use_cache", "output_attentions", "output_hidden_states", "is_causal"})
"""Keywords of a layer's call that ask nothing of attention."""


def tree_plan(forest: PrefixForest) -> BlockPlan | FlexPlan:
    """Return what a forward over the forest passes to every layer as `tree`, made once for all of them."""
    return plan_blocks(forest) if forest.ids.device.type == "cpu" else FlexPlan(forest)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: int | None,
    *,
    tree: BlockPlan | FlexPlan | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attend as transformers asks it of an implementation: (1, heads, T, width) in, (1, T, heads, width) out.

    Args:
        module: The attention layer.
        query: Of one row of tokens.
        key: With as many heads as the layer has key heads.
        value: As `key`.
        attention_mask: What `_window` made: the width of the sliding window of this layer's mask, if any.
        tree: The plan of the forest.
        scaling: Factor of the products; None means 1 / sqrt(width).
        dropout: Must be 0.
        sliding_window: As the layer knows it; some layers leave it to the mask.
        softcap: Bound of the scores.
        kwargs: What else the architecture passes on.

    Raises:
        ModelError: The layer asks for more than this attention does.
    """
    if tree is None:
        raise ModelError("its layers do not pass keywords on to attention")
    if isinstance(attention_mask, Tensor) or len(query) != 1:
        raise ModelError("its attention has a mask of its own")
    if unknown := sorted(k for k, v in kwargs.items() if v is not None and k not in _HARMLESS):
        raise ModelError(f"its attention takes {unknown[0]}")
    if dropout:
        raise ModelError("its attention drops out")
    windows = [w for w in (attention_mask, sliding_window) if w is not None]
    rule = ScoreRule(query.shape[-1] ** -0.5 if scaling is None else scaling, min(windows, default=None), softcap)
    q, k, v = query[0], key[0], value[0]
    out = tree.attend(q, k, v, rule) if isinstance(tree, FlexPlan) else tree_attention(q, k, v, tree, rule)
    return out[None], None


def _window(*_: Any, local_size: int | None = None, **__: Any) -> int | None:
    """Return the sliding window of the mask that is asked for: the forest's plan says all else of what sees what."""
    return local_size


AttentionInterface.register(TREE_ATTENTION, _attention)
AttentionMaskInterface.register(TREE_ATTENTION, _window)
