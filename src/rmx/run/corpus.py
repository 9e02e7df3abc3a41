"""Data ready for a model: pairs to train on, and slices to judge on, as token ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rmx.audits.base import Audit
from rmx.config.schema import Config
from rmx.data.prepared import Prepared
from rmx.data.render import Renderer
from rmx.data.sequences import PairSet, build_pair_set
from rmx.data.slices import Slice, build_slice
from rmx.data.tokens import TokenStore, encode_candidates, encode_pairs
from rmx.probes import PROBES
from rmx.run.encoding import encode_prepared
from rmx.score_table import Comparisons
from rmx.scorers.slice_texts import EditRequest, SliceTexts, collect_texts

__all__ = ["Corpus", "SliceData", "build_corpus", "build_slice_data", "edit_requests", "prove_slices"]


@dataclass(frozen=True)
class SliceData:
    """A slice as texts, token ids and comparisons."""

    slice: Slice
    texts: SliceTexts
    store: TokenStore
    comparisons: Comparisons


@dataclass(frozen=True)
class Corpus:
    """Everything that one run reads of its data."""

    prepared: Prepared
    """Its ledger proves the overlap of train with every split and slice."""
    train: PairSet
    slices: Mapping[str, SliceData]


def edit_requests(audits: Iterable[Audit], slice: str) -> list[EditRequest]:
    """Return the edits that audits want of a slice; of two audits with one probe, the larger number of items."""
    wanted: dict[str, int] = {}
    for audit in audits:
        probe = getattr(audit, "probe", None)
        if probe is not None and audit.reads(slice):
            wanted[probe] = max(wanted.get(probe, 0), int(getattr(audit, "items", 0)))
    return [EditRequest(name, PROBES[name].edit, items) for name, items in wanted.items()]


def build_corpus(config: Config, renderer: Renderer, audits: Sequence[Audit], *, cache: Path) -> Corpus:
    """Prepare, split and encode the data of a run.

    Pairs longer than `data.max_length`, or with a control token of the tokenizer in their text, leave whole and are
    counted in the ledger.
    """
    prepared, encoded = encode_prepared(config.data, renderer, cache=cache)
    train = prepared.splits["train"]
    rows = np.array([encoded.row[p.pair_id] for p in train], np.int64)
    chosen, rejected = encoded.pairs.chosen[rows], encoded.pairs.rejected[rows]
    soft = config.data.annotators == "soft_label"
    pairs = build_pair_set(train, encoded.pairs.store, chosen, rejected, config.loss, soft_labels=soft)
    own = {n: {"from": n} for n in ("validation", "heldout", "disputed") if prepared.splits[n]}
    specs: dict[str, Any] = {**own, **config.slice}
    slices = {n: build_slice(n, s, prepared, config.data, cache=cache / "data") for n, s in specs.items()}
    prepared = prove_slices(prepared, slices.values())
    data = {n: build_slice_data(s, renderer, audits, config.data.max_length, cache=cache) for n, s in slices.items()}
    return Corpus(prepared, pairs, data)


def prove_slices(prepared: Prepared, slices: Iterable[Slice]) -> Prepared:
    """Return the data with what slices from elsewhere share with train in the same proof as the splits."""
    overlaps = {s.name: s.overlap for s in slices if s.source == "data" and s.overlap is not None}
    ledger = replace(prepared.ledger, overlap={**prepared.ledger.overlap, **overlaps})
    return replace(prepared, ledger=ledger)


def build_slice_data(
    slice: Slice, renderer: Renderer, audits: Sequence[Audit], max_length: int, *, cache: Path
) -> SliceData:
    """Encode a slice and the edits that audits want of it; its over-long pairs leave, edits may be longer."""
    if slice.source == "data":
        encoded = encode_pairs(renderer, slice.pairs, max_length=max_length, cache_dir=cache / "tokens")
        slice = slice.drop(encoded.rejections)
    texts = collect_texts(slice.name, slice.pairs, edit_requests(audits, slice.name))
    store = encode_candidates(renderer, texts.candidates, cache_dir=cache / "tokens")
    prompts = store.lengths - store.completion_lengths
    lengths = {p.pair_id: int(prompts[i]) for p, i in zip(slice.pairs, texts.chosen, strict=True)}
    comparisons = Comparisons.from_pairs(slice.pairs, slice=slice.name, prompt_tokens=lengths)
    return SliceData(slice, texts.with_tokens(store.completion_lengths.tolist()), store, comparisons)
