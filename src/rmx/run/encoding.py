"""Prepared data as token ids: every pair encoded once, and those that the model cannot read counted out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rmx.config.schema import DataConfig
from rmx.data.prepare import prepare
from rmx.data.prepared import Prepared
from rmx.data.tokenise import TextRenderer
from rmx.data.tokens import EncodedPairs, encode_pairs

__all__ = ["EncodedData", "encode_prepared"]


@dataclass(frozen=True)
class EncodedData:
    """Every prepared pair as token ids, those that left included."""

    pairs: EncodedPairs
    row: Mapping[str, int]
    """Row of each pair by its id."""


def encode_prepared(data: DataConfig, renderer: TextRenderer, *, cache: Path) -> tuple[Prepared, EncodedData]:
    """Prepare and split data, encode every pair once, and drop those that the model cannot read."""
    prepared = prepare(data, cache=cache / "data", tokens=renderer.given)
    everything = [p for pairs in prepared.splits.values() for p in pairs]
    encoded = encode_pairs(renderer, everything, max_length=data.max_length, cache_dir=cache / "tokens")
    rows = {p.pair_id: i for i, p in enumerate(everything)}
    return prepared.drop(encoded.rejections), EncodedData(encoded, rows)
