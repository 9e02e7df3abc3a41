"""Prepared data as token ids: every pair encoded once, and those that the model cannot read counted out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rmx.config.schema import Config, DataConfig
from rmx.data.prepare import prepare
from rmx.data.prepared import Prepared
from rmx.data.stream import Need
from rmx.data.tokenise import TextRenderer
from rmx.data.tokens import EncodedPairs, encode_pairs, unreadable_pairs
from rmx.domain import PreferencePair

__all__ = ["EncodedData", "encode_prepared", "given_steps"]


@dataclass(frozen=True)
class EncodedData:
    """Every prepared pair as token ids, those that left included."""

    pairs: EncodedPairs
    row: Mapping[str, int]
    """Row of each pair by its id."""


def encode_prepared(
    data: DataConfig, renderer: TextRenderer, *, cache: Path, steps: tuple[int, int] | None = None
) -> tuple[Prepared, EncodedData]:
    """Prepare and split data, encode every pair once, and drop those that the model cannot read.

    Args:
        data: where the rows are and what is made of them.
        renderer: the rendering contract.
        cache: the directory of `paths.cache`.
        steps: optimiser steps and pairs per step, which say how far a stream is read; None where nothing does.
    """
    prepared = prepare(data, cache=cache / "data", need=_need(data, renderer, steps), tokens=renderer.given)
    everything = [p for pairs in prepared.splits.values() for p in pairs]
    encoded = encode_pairs(renderer, everything, max_length=data.max_length, cache_dir=cache / "tokens")
    rows = {p.pair_id: i for i, p in enumerate(everything)}
    return prepared.drop(encoded.rejections), EncodedData(encoded, rows)


def given_steps(config: Config) -> tuple[int, int] | None:
    """Return trainer.max_steps and batch.pairs; None where epochs tell how long a run is."""
    return None if config.trainer.max_steps is None else (config.trainer.max_steps, config.batch.pairs)


def _need(data: DataConfig, renderer: TextRenderer, steps: tuple[int, int] | None) -> Need | None:
    """Return what a stream is read for; None of data that are read whole."""
    if not data.stream or steps is None:
        return None

    def unreadable(pairs: Sequence[PreferencePair]) -> list[str]:
        return [r.pair_id for r in unreadable_pairs(renderer, pairs, max_length=data.max_length)]

    return Need(*steps, unreadable)
