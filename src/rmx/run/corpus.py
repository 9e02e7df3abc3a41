"""Data ready for a model: pairs to train on, and slices to judge on, as token ids."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rmx.audits.base import Audit
from rmx.config.schema import Config, DataConfig
from rmx.data.contamination.proof import prove_contamination
from rmx.data.own_slices import own_slices
from rmx.data.prepared import Prepared
from rmx.data.sequences import PairSet, build_pair_set
from rmx.data.slices import Slice, build_slice
from rmx.data.style import with_style
from rmx.data.tokenise import TextRenderer
from rmx.data.tokens import TokenStore, encode_candidates, encode_pairs, encode_renderable, unscorable_samples
from rmx.domain import Candidate
from rmx.probes import PROBES
from rmx.run.encoding import encode_prepared, given_steps
from rmx.score_table import Comparisons
from rmx.scorers.slice_texts import EditRequest, SliceTexts, collect_texts

__all__ = [
    "Corpus",
    "SliceData",
    "TextSlice",
    "build_corpus",
    "build_slice_data",
    "edit_requests",
    "prove_slices",
    "slice_comparisons",
    "texts_by_id",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextSlice:
    """A slice as texts and comparisons, which is all that a scorer without a tokenizer reads."""

    slice: Slice
    texts: SliceTexts
    comparisons: Comparisons


@dataclass(frozen=True)
class SliceData(TextSlice):
    """A slice as texts, comparisons and token ids."""

    store: TokenStore


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
    return [EditRequest(PROBES[name], items) for name, items in wanted.items()]


def texts_by_id(slices: Mapping[str, TextSlice]) -> dict[str, Candidate]:
    """Return every text of the slices by its candidate, edits included."""
    return {text.candidate_id: text for data in slices.values() for text in data.texts.candidates}


def build_corpus(
    config: Config, renderer: TextRenderer, audits: Sequence[Audit], *, cache: Path, readable: int | None = None
) -> Corpus:
    """Prepare, split and encode the data of a run.

    Pairs longer than `data.max_length`, or with a control token of the tokenizer in their text, leave whole and are
    counted in the ledger. The `readable` tokens of the model, where they are known, bound what else is encoded.
    """
    prepared, encoded = encode_prepared(config.data, renderer, cache=cache, steps=given_steps(config))
    train = prepared.splits["train"]
    rows = np.array([encoded.row[p.pair_id] for p in train], np.int64)
    chosen, rejected = encoded.pairs.chosen[rows], encoded.pairs.rejected[rows]
    soft = config.data.annotators == "soft_label"
    pairs = build_pair_set(train, encoded.pairs.store, chosen, rejected, config.loss, soft_labels=soft)
    specs: dict[str, Any] = {**own_slices(prepared), **config.slice}
    slices = {
        n: build_slice(n, s, prepared, config.data, cache=cache / "data", tokens=renderer.given)
        for n, s in specs.items()
    }
    # Of a cross-fit, a slice may have nothing that falls into this fold.
    slices = {n: s for n, s in slices.items() if s.pairs or s.samples}
    prepared = prove_slices(prepared, list(slices.values()), config.data)
    data = {
        n: build_slice_data(s, renderer, audits, config.data.max_length, cache=cache, readable=readable)
        for n, s in slices.items()
    }
    return Corpus(prepared, pairs, data)


def prove_slices(prepared: Prepared, slices: Sequence[Slice], data: DataConfig) -> Prepared:
    """Return the data with what slices from elsewhere, and benchmarks, share with train in the ledger."""
    overlaps = {s.name: s.overlap for s in slices if s.source in ("data", "samples") and s.overlap is not None}
    ledger = replace(prepared.ledger, overlap={**prepared.ledger.overlap, **overlaps})
    return prove_contamination(replace(prepared, ledger=ledger), slices, data)


def build_slice_data(
    slice: Slice,
    renderer: TextRenderer,
    audits: Sequence[Audit],
    max_length: int,
    *,
    cache: Path,
    readable: int | None = None,
) -> SliceData:
    """Encode a slice and the edits that audits want of it.

    Its over-long pairs, and prompts with an over-long sample, leave: longer than `max_length`, or than the slice's own
    bound, but then never longer than the model reads. Edits may be longer, up to the `readable` tokens
    of the model if they are known; one that is not, or that cannot be rendered, is left out and counted in a warning:
    it is a question less, not a fault.
    """
    if slice.max_length is not None:
        max_length = min(slice.max_length, readable or slice.max_length)
    if slice.source == "data":
        encoded = encode_pairs(renderer, slice.pairs, max_length=max_length, cache_dir=cache / "tokens")
        slice = slice.drop(encoded.rejections)
    if slice.samples:
        slice = slice.drop(
            unscorable_samples(renderer, slice.samples, max_length=max_length, cache_dir=cache / "tokens")
        )
    texts = collect_texts(slice.name, slice.pairs, edit_requests(audits, slice.name), slice.samples)
    store, refused = encode_renderable(renderer, texts.candidates, cache_dir=cache / "tokens")
    unfit = {*refused, *(np.flatnonzero(store.lengths > readable).tolist() if readable else ())}
    if unfit:
        asked = len(texts.candidates)
        texts = texts.without_edits(unfit)
        store = encode_candidates(renderer, texts.candidates, cache_dir=cache / "tokens")
        if lost := asked - len(texts.candidates):
            why = next((f"the first {p.detail}" for p in refused.values()), f"longer than {readable} tokens")
            _log.warning("slice %s: %d edited texts are left out (%s)", slice.name, lost, why)
    prompts = store.lengths - store.completion_lengths
    comparisons = slice_comparisons(slice, prompts[texts.chosen].tolist())
    return SliceData(slice, texts.with_tokens(store.completion_lengths.tolist()), comparisons, store)


def slice_comparisons(slice: Slice, prompt_lengths: Sequence[int]) -> Comparisons:
    """Return the comparisons of a slice with the counts of their style; one prompt's length for each pair."""
    lengths = {p.pair_id: int(n) for p, n in zip(slice.pairs, prompt_lengths, strict=True)}
    return Comparisons.from_pairs(map(with_style, slice.pairs), slice=slice.name, prompt_tokens=lengths)
