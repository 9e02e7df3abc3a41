"""The few lines about the data that a user reads in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rmx.data.accounts import shown_accounts
from rmx.data.ledger import Ledger

__all__ = ["contaminated", "summarise"]

_KINDS = {
    "prompt": "the same prompt",
    "near_prompt": "a near-duplicate prompt",
    "response": "a response of train",
    "ngram": "13 words in a row of train",
}


def summarise(ledger: Ledger) -> str:
    """Return the ledger as a few plain lines: where comparisons went, splits, groups, overlap, warnings."""
    lines = [
        f"rows {ledger.rows_in:,}, comparisons {ledger.comparisons_in:,}: kept {ledger.kept:,}, "
        f"rejected {sum(ledger.rejected.values()):,}, held out {ledger.held_out:,}, "
        f"review {sum(ledger.review.values()):,}"
    ]
    for title, reasons in (("rejected", ledger.rejected), ("review", ledger.review)):
        lines += [f"  {title} {reason}: {n:,}" for reason, n in sorted(reasons.items(), key=lambda e: (-e[1], e[0]))]
    lines += by_source(ledger)
    if ledger.streamed is not None:
        lines.append(f"stream: read for {ledger.streamed:,} train pairs, which took {ledger.rows_in:,} rows")
    splits = [f"{name} {n:,} pairs in {ledger.groups[name]:,} groups" for name, n in ledger.splits.items() if n]
    lines.append("; ".join(splits))
    near = ledger.near_duplicates
    found = f"{near.links:,} links, {near.clusters:,} united groups, {near.cut:,} links cut"
    lines.append(
        f"near-duplicate prompts: {found if near.searched else 'not searched'}; "
        f"largest group {near.largest_group:,} pairs"
    )
    shared = sum(o.pairs for o in ledger.overlap.values())
    if "train" in ledger.splits:
        lines.append(f"overlap with train: {shared:,} pairs of the other splits ({ledger.split_mode} split)")
    else:
        lines.append(f"overlap of each fold with all others: {shared:,} pairs")
    lines += [f"contamination of {line}; ids in contamination.jsonl" for line in contaminated(ledger.contamination)]
    if ledger.moved is not None:
        moves = ", ".join(f"{n:,} from {way}" for way, n in ledger.moved.items()) or "none"
        lines.append(f"moved since the earlier split: {moves}")
    lines += [f"warning: {text}" for text in ledger.warnings]
    return "\n".join(lines)


def by_source(ledger: Ledger) -> list[str]:
    """Return a table of the sources of a mixture: where their comparisons went, and their part of an epoch."""
    if not ledger.accounts:
        return []
    table = [_HEADER, *(_line(name, account) for name, account in shown_accounts(ledger.accounts).items())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(["", row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in table
    ]


_HEADER = ["source", "rows", "comparisons", "kept", "rejected", "held out", "review", "train", "in an epoch", "share"]


def _line(name: str, account: Mapping[str, Any]) -> list[str]:
    read = [account["rows_in"], account["comparisons_in"], account["kept"]]
    away = [sum(account["rejected"].values()), account["held_out"], account["review"]]
    counts = [*read, *away, account["splits"]["train"], account["epoch_pairs"]]
    return [name, *(f"{count:,}" for count in counts), f"{account['epoch_share']:.1%}"]


def contaminated(found: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield a line for each slice or benchmark that train knows something of."""
    for name, entry in (found or {}).get("by_slice", {}).items():
        parts = [f"{entry['counts'][kind]:,} with {words}" for kind, words in _KINDS.items() if entry["counts"][kind]]
        if parts:
            yield f"{name} ({entry['items']:,}): {', '.join(parts)}"
