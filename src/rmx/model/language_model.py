"""A causal LM as a scorer of sequences: the log-probability of each completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.layouts import TokenLayout
from rmx.model.sequence_cache import SequenceCache
from rmx.model.sequence_model import SequenceModel
from rmx.model.vocabulary_head import VocabularyHead

__all__ = ["CompletionLikelihood"]


class _CompletionTokens(NamedTuple):
    """The m tokens of all completions, and the u distinct ones among them: those that stand in one place of the forest.

    A place has one parent, so equal places are the same token after the same text and have one log-probability.
    """

    sequence: Tensor
    """int64 (m,): whose completion each one belongs to."""
    distinct: Tensor
    """int64 (m,): its number among the distinct ones."""
    rows: Tensor
    """int64 (u,): the token of `SequenceBatch.ids` before each distinct one."""
    targets: Tensor
    """int64 (u,): the token itself."""


class CompletionLikelihood(SequenceModel):
    """Maps a SequenceBatch to Σ log π(token | what is before it) over each completion, terminal token included.

    The first token of a text has no probability: it counts as part of the prompt.
    """

    layout: TokenLayout

    def __init__(self, backbone: nn.Module, head: VocabularyHead, layout: TokenLayout) -> None:
        """Put the parts together.

        Args:
            backbone: Base model of the LM, maybe wrapped by peft.
            head: Its language-model head.
            layout: How sequences run through the backbone.
        """
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.layout = layout
        self.per_token = False
        """Whether scores are means over the completion's tokens in place of sums."""

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Return float32 (n,)."""
        return self.scored(self.log_probs(batch), batch)

    def scored(self, sums: Tensor, batch: SequenceBatch) -> Tensor:
        """Return scores, float32 (n,), of sums over the completions' tokens, float64 (n,)."""
        return (sums / (batch.lengths - _begins(batch)).clamp(min=1) if self.per_token else sums).float()

    def log_probs(self, batch: SequenceBatch) -> Tensor:
        """Return Σ log π, float64 (n,), in nats; what completions begin with in common is read once.

        A sum of hundreds of nats in float32 would round away what a policy and its reference differ by.
        """
        tokens = _completion_tokens(batch)
        values: Tensor = self.head(self.layout(self.backbone, batch, tokens.rows), tokens.targets)
        each = values.double()[tokens.distinct]
        return each.new_zeros(len(batch)).index_add(0, tokens.sequence, each)

    def own_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return none: all weights come from the language model, or are its adapter's."""
        return {}

    def caches(self) -> Sequence[SequenceCache]:
        """Return none."""
        return []


def _completion_tokens(batch: SequenceBatch) -> _CompletionTokens:
    lengths, device = batch.lengths, batch.ids.device
    sequence = torch.repeat_interleave(torch.arange(len(batch), device=device), lengths)
    depth = torch.arange(len(batch.ids), device=device) - batch.offsets[sequence]
    chosen = (depth >= _begins(batch)[sequence]).nonzero().squeeze(1)
    places, distinct = torch.unique(batch.forest.place[chosen], return_inverse=True)
    # Any of the tokens in one place will do.
    first = torch.empty_like(places).index_copy_(0, distinct, chosen)
    return _CompletionTokens(sequence[chosen], distinct, first - 1, batch.ids[first])


def _begins(batch: SequenceBatch) -> Tensor:
    """Return int64 (n,): the place in each sequence of the first token whose probability counts."""
    return (batch.lengths - batch.completion_lengths).clamp(min=1)
