"""The packed layout: no padding, and what sequences begin with in common runs once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.tree_attention import tree_plan

__all__ = ["Packed"]


class Packed:
    """Runs a batch as one row of its distinct tokens; each one's position is its depth in the forest.

    The backbone's attention implementation must be `TREE_ATTENTION`. In its last layer the feed-forward part, most of
    the layer's arithmetic, runs only for the tokens whose output is read: for rewards the terminal ones.
    """

    def __init__(self, last_mlp: nn.Module | None) -> None:
        """Prepare for one backbone.

        Args:
            last_mlp: The feed-forward module of its last layer; None runs it for every token.
        """
        self._rows: Tensor | None = None
        self._total = 0
        self._hooks = []
        if last_mlp is not None:
            before = last_mlp.register_forward_pre_hook(self._only_rows)
            self._hooks = [before, last_mlp.register_forward_hook(self._back_in_place)]

    def __call__(self, backbone: nn.Module, batch: SequenceBatch, rows: Tensor | None = None) -> Tensor:
        """Return hidden states, (m, hidden), of the tokens `rows` of `batch.ids`; None means each sequence's last."""
        forest = batch.forest
        read = forest.last if rows is None else forest.place[rows]
        # Recomputed layers run again when this call is over: they get every token.
        if not _recomputes(backbone):
            # Each place once: equal sequences share it, and its gradient must not count twice.
            self._rows, self._total = torch.unique(read), len(forest.ids)
        try:
            output = backbone(
                input_ids=forest.ids[None],
                position_ids=forest.depth[None],
                attention_mask=None,
                use_cache=False,
                tree=tree_plan(forest),
            )
        finally:
            self._rows = None
        hidden: Tensor = output.last_hidden_state[0]
        return hidden[read]

    def release(self) -> None:
        """Leave the backbone as it was."""
        for hook in self._hooks:
            hook.remove()

    def _only_rows(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return None if self._rows is None else (inputs[0][:, self._rows], *inputs[1:])

    def _back_in_place(self, _: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if self._rows is None:
            return None
        return output.new_zeros((1, self._total, output.shape[-1])).index_copy(1, self._rows, output)


def _recomputes(backbone: nn.Module) -> bool:
    # What transformers calls it has changed, and the old name warns.
    return any(getattr(module, "gradient_checkpointing", False) for module in backbone.modules())
