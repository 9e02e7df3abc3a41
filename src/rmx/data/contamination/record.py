"""What a search for contamination found: every hit with the ids of both sides, and counts by slice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rmx.whole_file import write_jsonl

__all__ = ["KINDS", "LISTED", "Contamination", "Hit", "Kind", "count_hits", "write_hits"]

Kind = Literal["prompt", "pair", "response", "near_prompt", "ngram"]
KINDS: tuple[Kind, ...] = ("prompt", "pair", "response", "near_prompt", "ngram")
LISTED = 100
"""Ids of a kind that the ledger lists; contamination.jsonl has them all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One item of a slice or benchmark that train knows in one way."""

    slice: str
    kind: Kind
    item_id: str
    train_ids: tuple[str, ...]
    """Train pairs that hold the other side: the first ten, for `ngram` one for each train text first found to share."""
    train_count: int
    """How many there are; for `ngram`, how many are listed (others may share the same words)."""
    share: float
    """Of an `ngram` hit, the share of the item's 13-grams that stand in train; of a `near_prompt`, the largest Jaccard
    similarity; 1 for copies."""

    def to_json(self) -> dict[str, Any]:
        """Return one line of contamination.jsonl."""
        return {
            "slice": self.slice,
            "kind": self.kind,
            "id": self.item_id,
            "train_ids": list(self.train_ids),
            "train_count": self.train_count,
            "share": round(self.share, 4),
        }


@dataclass(frozen=True)
class Contamination:
    """The hits, and what the ledger says of them."""

    summary: dict[str, Any]
    """JSON-ready: `by_slice` (counts, shares and ids by kind), `benchmarks`, `ngram_words`, `jaccard`."""
    hits: tuple[Hit, ...]


def count_hits(items: int, groups: int, hits: Sequence[Hit], *, unsearched: Sequence[Kind] = ()) -> dict[str, Any]:
    """Return the ledger's entry of one slice.

    Args:
        items: its pairs, or the items of a benchmark.
        groups: its groups.
        hits: those of this slice.
        unsearched: kinds that nobody looked for; their numbers are None, which is not 0.
    """
    ids: dict[Kind, list[str]] = {kind: [] for kind in KINDS if kind not in unsearched}
    for hit in hits:
        ids[hit.kind].append(hit.item_id)
    return {
        "items": items,
        "groups": groups,
        "counts": {kind: len(ids[kind]) if kind in ids else None for kind in KINDS},
        "shares": {kind: round(len(ids[kind]) / items, 6) if kind in ids and items else None for kind in KINDS},
        "ids": {kind: found[:LISTED] for kind, found in ids.items() if found},
    }


def write_hits(hits: Iterable[Hit], path: Path) -> None:
    """Write contamination.jsonl.

    Raises:
        RunError: it cannot be written.
    """
    write_jsonl(path, (hit.to_json() for hit in hits))
