"""The ledger of a cross-fit: where every pair went, and what each fold's model knew of what it judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rmx.data.contamination.record import KINDS, LISTED
from rmx.data.ledger import Ledger

__all__ = ["pool_ledgers"]

Entry = Mapping[str, Any]


def pool_ledgers(own: Ledger, folds: Mapping[str, Entry]) -> dict[str, Any]:
    """Return the content of ledger.json.

    Args:
        own: Of the data in folds; its overlap is that of each fold with all others.
        folds: ledger.json of each fold's run, by the fold's name.

    `folds` has the pairs of each run's splits. Overlap and contamination of a slice are sums over the folds, each of
    what its model judged with what that model was trained on; of a benchmark, which every run searches whole, those of
    the run with the most hits.
    """
    content = own.to_json()
    by_split: dict[str, dict[str, int]] = {**content["overlap"]["by_split"]}
    for ledger in folds.values():
        for slice, overlap in ledger["overlap"]["by_split"].items():
            if slice != "heldout":  # the fold itself, which is held against more than its model's train part
                known = by_split.get(slice, dict.fromkeys(overlap, 0))
                by_split[slice] = {what: known[what] + count for what, count in overlap.items()}
    return {
        **content,
        "folds": {name: dict(ledger["splits"]) for name, ledger in folds.items()},
        "overlap": {"pairs": sum(o["pairs"] for o in by_split.values()), "by_split": by_split},
        "contamination": _contamination([ledger["contamination"] for ledger in folds.values()]),
    }


def _contamination(found: Sequence[Entry]) -> dict[str, Any]:
    by_slice: dict[str, list[Entry]] = {}
    for of_fold in found:
        for name, entry in of_fold["by_slice"].items():
            by_slice.setdefault(name, []).append(entry)
    pooled = {n: _worst(es) if n in found[0]["benchmarks"] else _sum(es) for n, es in by_slice.items()}
    return {**found[0], "by_slice": pooled}


def _sum(entries: Sequence[Entry]) -> dict[str, Any]:
    items = sum(e["items"] for e in entries)
    searched = {kind: [e["counts"][kind] for e in entries] for kind in KINDS}
    counts = {kind: None if None in of_folds else sum(of_folds) for kind, of_folds in searched.items()}
    ids = {kind: [i for e in entries for i in e["ids"].get(kind, ())][:LISTED] for kind in KINDS}
    return {
        "items": items,
        "groups": sum(e["groups"] for e in entries),
        "counts": counts,
        "shares": {k: None if n is None or not items else round(n / items, 6) for k, n in counts.items()},
        "ids": {kind: found for kind, found in ids.items() if found},
    }


def _worst(entries: Sequence[Entry]) -> Entry:
    return max(entries, key=lambda entry: sum(n or 0 for n in entry["counts"].values()))
