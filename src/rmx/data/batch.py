"""What the model receives: unique sequences, and the comparisons and rankings that index into them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Self

import torch
from torch import Tensor

__all__ = ["MicroBatch", "PrefixForest", "RankedBatch", "ScoreBatch", "SequenceBatch", "StepBatch"]


@dataclass(frozen=True, slots=True)
class PrefixForest:
    """T distinct tokens of n sequences, a shared prefix once, in depth-first order (`rmx.data.forest`)."""

    ids: Tensor
    """int64 (T,): the tokens."""
    depth: Tensor
    """int64 (T,): tokens before each one on its path, which is its position id."""
    end: Tensor
    """int64 (T,): token k is an ancestor of token q, or q itself, exactly if k <= q < end[k]."""
    last: Tensor
    """int64 (n,): where each sequence's terminal token stands."""
    place: Tensor
    """int64 (total,): where each token of `SequenceBatch.ids` stands; shared ones in one place."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the forest on another device."""
        return type(self)(*(getattr(self, f.name).to(device, non_blocking=non_blocking) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class SequenceBatch:
    """Distinct token sequences; the last token of each is the pooled terminal token."""

    ids: Tensor
    """int64 (total,): the sequences one after another, without padding."""
    offsets: Tensor
    """int64 (n + 1,): sequence i is ids[offsets[i]:offsets[i + 1]]."""
    index: Tensor
    """int64 (n,): which sequence of the token store each one is."""
    completion_lengths: Tensor
    """int64 (n,): the last tokens of each sequence that are its completion, terminal token included."""
    forest: PrefixForest
    """The same sequences with what they share standing once."""

    def __len__(self) -> int:
        return int(self.index.numel())

    @property
    def lengths(self) -> Tensor:
        """int64 (n,): tokens per sequence."""
        return self.offsets.diff()

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the batch on another device."""
        columns = (self.ids, self.offsets, self.index, self.completion_lengths)
        ids, offsets, index, lengths = (t.to(device, non_blocking=non_blocking) for t in columns)
        return type(self)(ids, offsets, index, lengths, self.forest.to(device, non_blocking))


@dataclass(frozen=True, slots=True)
class RankedBatch:
    """Rankings of one shape: as many completions at each rank."""

    items: Tensor
    """int64 (n, k): positions in the sequences of the micro-batch, best first."""
    sizes: tuple[int, ...]
    """Completions at each rank, best first; they sum to k."""
    weight: Tensor
    """float32 (n,)."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the rankings on another device."""
        items, weight = (t.to(device, non_blocking=non_blocking) for t in (self.items, self.weight))
        return type(self)(items, self.sizes, weight)


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Comparisons that run through the model together."""

    sequences: SequenceBatch
    chosen: Tensor
    """int64 (p,): positions in `sequences`."""
    rejected: Tensor
    """int64 (p,)."""
    margin: Tensor
    """float32 (p,): target margins m."""
    flip: Tensor
    """float32 (p,): probability q that the label is the other way round (label smoothing, or 1 - agreement)."""
    weight: Tensor
    """float32 (p,): pair weights; all zero in a micro-batch that only keeps the ranks in step."""
    index: Tensor
    """int64 (p,): which pair of the pair set each one is."""
    grade: Tensor
    """int64 (p,): 0 of a tie, whose sides are in no order; else the level of the label's strength, from 1."""
    rankings: tuple[RankedBatch, ...] = field(default=(), kw_only=True)
    """The same comparisons as rankings, where the loss reads those."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the micro-batch on another device."""
        columns = (self.chosen, self.rejected, self.margin, self.flip, self.weight, self.index, self.grade)
        return type(self)(
            self.sequences.to(device, non_blocking),
            *(t.to(device, non_blocking=non_blocking) for t in columns),
            rankings=tuple(r.to(device, non_blocking) for r in self.rankings),
        )


@dataclass(frozen=True, slots=True)
class StepBatch:
    """One optimiser step as one rank sees it: its share of the global batch."""

    step: int
    """Optimiser step, counted from 0."""
    micro: tuple[MicroBatch, ...]
    """As many on every rank."""
    global_weight: float
    """Sum of the pair weights of the whole global batch; the loss is divided by it."""
    pair_ids: tuple[str, ...]
    """Every pair of the global batch, for messages."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the step on another device."""
        micro = tuple(m.to(device, non_blocking) for m in self.micro)
        return type(self)(self.step, micro, self.global_weight, self.pair_ids)


@dataclass(frozen=True, slots=True)
class ScoreBatch:
    """Sequences to score, without comparisons; a filler repeats a sequence only to keep the ranks in step."""

    sequences: SequenceBatch

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the batch on another device."""
        return type(self)(self.sequences.to(device, non_blocking))
