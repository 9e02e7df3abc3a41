"""The search as the data of a run call for it, and what can be said where train's texts are no longer at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rmx.config.schema import DataConfig
from rmx.data.contamination.benchmarks import read_benchmarks
from rmx.data.contamination.record import Contamination, Hit, Kind, count_hits
from rmx.data.contamination.search import Item, find_contamination, pair_item
from rmx.data.overlap import SplitRow
from rmx.data.prepared import Prepared
from rmx.data.slices import Slice
from rmx.data.text import opening_turn

__all__ = ["exact_prompts", "prove_contamination"]

_MOST = 10


def prove_contamination(prepared: Prepared, slices: Iterable[Slice], data: DataConfig) -> Prepared:
    """Return the data with what train knows of its own other splits, of the slices and of `data.benchmarks`.

    Near-duplicate prompts are searched as for grouping: at `data.near_duplicate_jaccard`, or not at all.

    Raises:
        ConfigError: a benchmark has unknown parameters, or the name of a split or slice.
        DataError: a benchmark cannot be read.
    """
    own = {name: pairs for name, pairs in prepared.splits.items() if name != "train" and pairs}
    judged = {name: [pair_item(pair) for pair in pairs] for name, pairs in own.items()}
    judged |= {slice.name: _slice_items(slice) for slice in slices}
    benchmarks = read_benchmarks(data.benchmarks, taken=judged)
    found = find_contamination(
        [pair_item(pair) for pair in prepared.splits["train"]],
        {**judged, **benchmarks},
        jaccard=data.near_duplicate_jaccard if data.near_duplicates else None,
    )
    summary = {**found.summary, "benchmarks": list(benchmarks)}
    return replace(prepared, ledger=replace(prepared.ledger, contamination=summary), leaks=found.hits)


def _slice_items(slice: Slice) -> list[Item]:
    samples = [
        Item(s.prompt_id, s.group, opening_turn(s.prompt), tuple(m.content for m in s.prompt), s.completions)
        for s in slice.samples
    ]
    return [*(pair_item(pair) for pair in slice.pairs), *samples]


def exact_prompts(train: Sequence[SplitRow], others: Mapping[str, Sequence[SplitRow]]) -> Contamination:
    """Return the copies of prompts alone, from the hashes of split.parquet; nothing else is searched."""
    known: dict[str, list[str]] = {}
    for row in train:
        known.setdefault(row.prompt, []).append(row.pair_id)
    hits: list[Hit] = []
    by_slice = {}
    for name, rows in others.items():
        mine = [
            Hit(name, "prompt", row.pair_id, tuple(known[row.prompt][:_MOST]), len(known[row.prompt]), 1.0)
            for row in rows
            if row.prompt in known
        ]
        groups = len({row.group for row in rows})
        unsearched: tuple[Kind, ...] = ("pair", "response", "near_prompt", "ngram")
        by_slice[name] = count_hits(len(rows), groups, mine, unsearched=unsearched)
        hits += mine
    return Contamination({"by_slice": by_slice, "benchmarks": [], "ngram_words": None, "jaccard": None}, tuple(hits))
