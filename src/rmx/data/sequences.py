"""Unique sequences plus comparisons: the static training set, and how a part of it becomes a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rmx.config.losses import LOSS_TRAITS
from rmx.config.schema import LossConfig
from rmx.data.batch import MicroBatch, RankedBatch, SequenceBatch
from rmx.data.forest import prefix_forest
from rmx.data.grades import build_grades
from rmx.data.rankings import Rankings, build_rankings
from rmx.domain import PreferencePair
from rmx.errors import ConfigError, DataError

__all__ = ["PairSet", "Sequences", "batch_tokens", "build_pair_set", "micro_batch", "sequence_batch"]


class Sequences(Protocol):
    """Distinct token sequences by number; `rmx.data.tokens.TokenStore` is one."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 (n,): tokens per sequence."""
        ...

    @property
    def completion_lengths(self) -> NDArray[np.int64]:
        """int64 (n,): the last tokens of each that are its completion, terminal token included."""
        ...

    def ids(self, i: int) -> NDArray[np.int32]:
        """int32 (length,): the tokens of sequence i."""
        ...

    def select(self, members: NDArray[np.int64]) -> Sequences:
        """Return the sequences with these numbers, in this order."""
        ...


@dataclass(frozen=True)
class PairSet:
    """Comparisons over numbered sequences; equal texts have one number."""

    store: Sequences
    pair_ids: tuple[str, ...]
    groups: tuple[str, ...]
    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    margin: NDArray[np.float32]
    flip: NDArray[np.float32]
    weight: NDArray[np.float32]
    grade: NDArray[np.int64] | None = None
    """0 of a tie, else the level of the label's strength, from 1; None where all are 1."""
    levels: tuple[float, ...] = ()
    """The strength that each grade stands for; empty where the loss reads none."""
    rankings: Rankings | None = None
    """Where the loss takes a ranking as one observation, which is then never cut."""

    def __len__(self) -> int:
        return len(self.pair_ids)

    def grade_shares(self) -> list[float]:
        """Return the share of ties and of every grade, by weight."""
        grade = np.ones(len(self), np.int64) if self.grade is None else self.grade
        weight = np.bincount(grade, self.weight)
        return [float(share) for share in weight / weight.sum()]

    def units(self, members: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the positions (u, w) in `members` of what must not be cut: a comparison, or a ranking's, then -1."""
        return np.arange(len(members))[:, None] if self.rankings is None else self.rankings.units(members)


def build_pair_set(
    pairs: Sequence[PreferencePair],
    store: Sequences,
    chosen: NDArray[np.int64],
    rejected: NDArray[np.int64],
    loss: LossConfig,
    *,
    soft_labels: bool,
) -> PairSet:
    """Attach to each pair what the loss needs of it.

    The flip probability is `loss.label_smoothing`, or 1 - agreement where labels are soft and the votes disagree, and
    one half of a tie. The target margin is `loss.margin`: a number, or each pair's strength when it names the column
    of it.

    Raises:
        DataError: A pair has no finite strength and the loss reads it, or the data have nothing of what it learns from.
    """
    smoothing = np.float32(loss.label_smoothing)
    flip = np.array([1.0 - p.agreement if soft_labels and p.agreement < 1.0 else smoothing for p in pairs], np.float32)
    flip[[p.tied for p in pairs]] = 0.5
    grade, levels = build_grades(pairs, loss.kind)
    rankings = build_rankings(pairs, chosen, rejected) if LOSS_TRAITS[loss.kind].rankings else None
    return PairSet(
        store=store,
        pair_ids=tuple(p.pair_id for p in pairs),
        groups=tuple(p.group for p in pairs),
        chosen=chosen,
        rejected=rejected,
        margin=_target_margins(pairs, loss),
        flip=flip,
        weight=_weights(pairs, loss, rankings),
        grade=grade if (grade != 1).any() else None,
        levels=levels,
        rankings=rankings,
    )


def _weights(pairs: Sequence[PreferencePair], loss: LossConfig, rankings: Rankings | None) -> NDArray[np.float32]:
    """Return the pairs' own weights; with `loss.per=group` divided by their group's sum.

    A ranking weighs as much as its row, so each of its pairs an equal part of that.
    """
    own = np.array([p.weight for p in pairs], np.float64)
    if rankings is not None:
        own /= np.bincount(rankings.number)[rankings.number]
    if loss.per == "group":
        _, group = np.unique([p.group for p in pairs], return_inverse=True)
        own /= np.bincount(group, own)[group]
    return own.astype(np.float32)


def _target_margins(pairs: Sequence[PreferencePair], loss: LossConfig) -> NDArray[np.float32]:
    if loss.margin is None:
        return np.zeros(len(pairs), np.float32)
    if isinstance(loss.margin, int | float):
        return np.full(len(pairs), loss.margin, np.float32)
    if not isinstance(loss.margin, str):
        raise ConfigError(f"loss.margin must be null, a number or a column name, not {loss.margin!r}")
    for pair in pairs:
        if pair.strength is None or not np.isfinite(pair.strength):
            raise DataError(
                f"{pair.origin.file} row {pair.origin.row}: no strength in column {loss.margin!r}, "
                "which loss.margin names; set data.columns.strength to that column, or loss.margin to a number or null"
            )
    return np.array([p.strength for p in pairs], np.float32)


def sequence_batch(store: Sequences, members: NDArray[np.int64]) -> SequenceBatch:
    """Gather sequences by number into one batch, in the order given."""
    return batch_tokens([store.ids(int(i)) for i in members], members, store.completion_lengths[members])


def batch_tokens(
    sequences: Sequence[NDArray[np.int32]], index: NDArray[np.int64], completion_lengths: NDArray[np.int64]
) -> SequenceBatch:
    """Put n token sequences into one batch.

    Args:
        sequences: Their tokens.
        index: (n,): which sequence of a store each one is.
        completion_lengths: (n,): the last tokens of each that are its completion.
    """
    import torch

    offsets = np.cumsum([0, *map(len, sequences)])
    columns = (np.concatenate(sequences), offsets, index, completion_lengths)
    ids, bounds, numbers, lengths = (torch.from_numpy(column.astype(np.int64)) for column in columns)
    return SequenceBatch(ids, bounds, numbers, lengths, prefix_forest(sequences))


def micro_batch(pairs: PairSet, members: NDArray[np.int64], *, weightless: bool = False) -> MicroBatch:
    """Gather pairs by number; a completion that stands in several of them runs once."""
    import torch

    both = np.concatenate([pairs.chosen[members], pairs.rejected[members]])
    unique, inverse = np.unique(both, return_inverse=True)
    weight = np.zeros(len(members), np.float32) if weightless else pairs.weight[members]
    grade = np.ones(len(members), np.int64) if pairs.grade is None else pairs.grade[members]
    chosen, rejected = inverse[: len(members)], inverse[len(members) :]
    columns = (chosen, rejected, pairs.margin[members], pairs.flip[members], weight, members, grade)
    return MicroBatch(
        sequence_batch(pairs.store, unique),
        *(torch.from_numpy(np.ascontiguousarray(c)) for c in columns),
        rankings=() if pairs.rankings is None else _ranked(pairs.rankings, members, chosen, rejected, weight),
    )


def _ranked(
    rankings: Rankings,
    members: NDArray[np.int64],
    chosen: NDArray[np.int64],
    rejected: NDArray[np.int64],
    weight: NDArray[np.float32],
) -> tuple[RankedBatch, ...]:
    """Put rankings together, those of one shape into one tensor."""
    import torch

    shapes: dict[tuple[int, ...], list[tuple[tuple[int, ...], float]]] = {}
    for ranking, positions in rankings.put_together(members, chosen, rejected):
        own = float(weight[positions].sum(dtype=np.float64))
        shapes.setdefault(ranking.sizes, []).append((ranking.items, own))
    return tuple(
        RankedBatch(torch.tensor([items for items, _ in rows]), sizes, torch.tensor([own for _, own in rows]))
        for sizes, rows in shapes.items()
    )
