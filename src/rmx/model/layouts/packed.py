"""The packed layout: no padding, and what sequences begin with in common runs once."""

from __future__ import annotations

from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.tree_attention import tree_plan

__all__ = ["packed"]


def packed(backbone: nn.Module, batch: SequenceBatch) -> Tensor:
    """Return the last token's hidden state of each sequence, (n, hidden).

    The batch runs as one row of its distinct tokens; each one's position is its depth in the forest. The backbone's
    attention implementation must be `TREE_ATTENTION`.
    """
    forest = batch.forest
    output = backbone(
        input_ids=forest.ids[None],
        position_ids=forest.depth[None],
        attention_mask=None,
        use_cache=False,
        tree=tree_plan(forest),
    )
    hidden: Tensor = output.last_hidden_state[0]
    return hidden[forest.last]
