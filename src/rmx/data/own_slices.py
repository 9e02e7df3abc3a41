"""The slices that a run has without being asked: its own splits, and of a mixture each source's part of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rmx.data.comparison import SOURCE_TAG
from rmx.data.prepared import Prepared
from rmx.domain import PreferencePair

__all__ = ["own_slices", "source_slices"]

_SPLITS = ("validation", "heldout", "disputed")

Pairs = Sequence[PreferencePair]


def own_slices(prepared: Prepared) -> dict[str, dict[str, Any]]:
    """Return, by name, the configuration of each split that has pairs, and of each source's part of what judges.

    The parts are called validation_NAME and heldout_NAME; a source that has no pair there has none.
    """
    whole = {name: {"from": name} for name in _SPLITS if prepared.splits[name]}
    judged = {name: prepared.splits[name] for name in ("validation", "heldout")}
    parts = source_slices(judged, prepared.ledger.accounts)
    return whole | {
        name: {"from": split, "where": {"tags": {SOURCE_TAG: source}}} for name, (split, source, _) in parts.items()
    }


def source_slices(
    splits: Mapping[str, Pairs], sources: Collection[str]
) -> dict[str, tuple[str, str, tuple[PreferencePair, ...]]]:
    """Return, by slice name, the split, the source and the pairs of every source's part; none of a single source."""
    found = {}
    for split, pairs in splits.items():
        for source in sources if len(sources) > 1 else ():
            part = tuple(p for p in pairs if p.tags[SOURCE_TAG] == source)
            if part:
                found[f"{split}_{source}"] = (split, source, part)
    return found
