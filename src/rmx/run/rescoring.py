"""Texts scored again in other ways that must not matter, for the audit of determinism."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import xxhash
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.determinism import RESCORED, Determinism
from rmx.config.schema import BatchConfig
from rmx.data.tokens import TokenStore
from rmx.model.afresh import run_afresh
from rmx.model.scoring import map_sequences
from rmx.model.sequence_model import SequenceModel
from rmx.run.corpus import SliceData
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable, prompt_id

__all__ = ["rescore"]

_COMPANY = 8
"""Texts of a batch in the variant `shuffled`."""
_BUDGET = 8
"""Part of the token budget in the variant `small_batches`."""


def rescore(
    audits: Iterable[Audit],
    slices: Mapping[str, SliceData],
    network: Any,
    batch: BatchConfig,
    device: torch.device | str,
) -> dict[str, CandidateTable]:
    """Score the texts that `Determinism` audits ask for again; one table a slice, of the scorer `model`.

    Variants: `alone`, each text its own batch; `shuffled`, in batches of a few texts drawn at random;
    `small_batches`, with an eighth of the token budget; `padded`, where the model's own layout is another one.

    Args:
        audits: Those that are configured.
        slices: Texts by slice.
        network: A sequence scorer; it is brought to `device`, and back to where it was.
        batch: How its batches ran the first time.
        device: Where it ran the first time.
    """
    wanted: dict[str, int] = {}
    for audit in audits:
        if isinstance(audit, Determinism):
            for name in filter(audit.reads, slices):
                wanted[name] = max(wanted.get(name, 0), audit.items)
    if not wanted:
        return {}
    before = next(network.parameters()).device
    network.to(device)
    found: dict[str, CandidateTable] = {}
    for name, items in wanted.items():
        members = _members(slices[name], items)
        if len(members):
            found[name] = _table(slices[name], members, _ways(network, slices[name].store, members, batch, device))
    network.to(before)
    return found


def _members(data: SliceData, items: int) -> NDArray[np.int64]:
    """Return the texts of up to `items` pairs, chosen by their ids alone."""
    pairs = data.slice.pairs
    order = sorted(range(len(pairs)), key=lambda i: xxhash.xxh64_hexdigest(pairs[i].pair_id.encode()))[:items]
    return np.unique(np.concatenate([data.texts.chosen[order], data.texts.rejected[order]]).astype(np.int64))


def _ways(
    network: Any, store: TokenStore, members: NDArray[np.int64], batch: BatchConfig, device: torch.device | str
) -> dict[str, NDArray[np.float64]]:
    own = isinstance(network, SequenceModel)

    def run(which: NDArray[np.int64], how: BatchConfig) -> NDArray[np.float64]:
        return map_sequences(network, store.select(which), how, device=device).astype(np.float64)

    with run_afresh(network) if own else nullcontext():
        order = np.random.default_rng(0).permutation(len(members))
        shuffled = np.empty(len(members))
        for start in range(0, len(members), _COMPANY):
            part = order[start : start + _COMPANY]
            shuffled[part] = run(members[part], batch)
        ways = {
            "alone": run(members, replace(batch, max_tokens=1)),
            "shuffled": shuffled,
            "small_batches": run(members, replace(batch, max_tokens=max(1, batch.max_tokens // _BUDGET))),
        }
    if own and batch.layout != "padded":
        with run_afresh(network, pad=True):
            ways["padded"] = run(members, replace(batch, layout="padded"))
    return ways


def _table(data: SliceData, members: NDArray[np.int64], ways: Mapping[str, NDArray[np.float64]]) -> CandidateTable:
    group = {use.text: use.group for use in data.texts.uses if not use.probe}
    rows = []
    for variant, rewards in ways.items():
        for number, reward in zip(members.tolist(), rewards.tolist(), strict=True):
            text = data.texts.candidates[number]
            rows.append(
                {
                    "slice": data.slice.name,
                    "group": group[number],
                    "candidate_id": text.candidate_id,
                    "scorer": "model",
                    "reward": reward,
                    "tokens": text.tokens,
                    "probe": RESCORED,
                    "variant": variant,
                    "source_id": text.candidate_id,
                    "prompt_id": prompt_id(text.prompt),
                }
            )
    return CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))
