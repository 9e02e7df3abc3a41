"""The ledger as the page shows it: where every comparison went and why, and how the rest was split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmx.data.summary import contaminated
from rmx.report.sentences import audit_name

__all__ = ["Destination", "LedgerView", "SourcePart", "SplitPart", "view_ledger"]

_SHOWN = ("rows_in", "comparisons_in", "kept", "rejected", "held_out", "review", "review_reasons", "splits", "groups")
_ELSEWHERE = (*_SHOWN, "by_source", "effects", "overlap", "contamination", "warnings")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where comparisons went; `share` is of all comparisons, in [0, 1]."""

    label: str
    count: int
    share: float
    kind: str
    """kept, rejected, held_out or review."""
    longer: str
    """How often the longer completion was the chosen one among them."""


@dataclass(frozen=True, slots=True)
class SplitPart:
    """One split in words: pairs, groups, and what of it stands in train too."""

    name: str
    pairs: str
    groups: str
    overlap: str


@dataclass(frozen=True, slots=True)
class SourcePart:
    """One source of a mixture: where its comparisons went, and its part of the pairs that an epoch trains on."""

    name: str
    comparisons: str
    kept: str
    rejected: str
    apart: str
    """Held out for disagreement, or sent to review."""
    epoch: str
    share: str
    balanced: bool


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The ledger in rows and sentences."""

    sentence: str
    balanced: bool
    destinations: tuple[Destination, ...]
    splits: tuple[SplitPart, ...]
    sources: tuple[SourcePart, ...]
    notes: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def view_ledger(ledger: Mapping[str, Any] | None) -> LedgerView | None:
    """Return `data/ledger.json` for the page; None where there is none.

    The balance is computed again here: a ledger that does not balance is said, not trusted.
    """
    if ledger is None or "comparisons_in" not in ledger:
        return None
    total, kept = int(ledger["comparisons_in"]), int(ledger.get("kept", 0))
    held_out, review = int(ledger.get("held_out", 0)), int(ledger.get("review", 0))
    rejected = {str(reason): int(n) for reason, n in dict(ledger.get("rejected", {})).items()}
    entries = [("kept", "kept", kept, "kept")]
    entries += [(reason, audit_name(reason), n, "rejected") for reason, n in sorted(rejected.items(), key=_most_first)]
    entries += [("held_out", "held out for disagreement", held_out, "held_out")]
    reasons = {str(reason): int(n) for reason, n in dict(ledger.get("review_reasons", {})).items()}
    if sum(reasons.values()) != review:
        reasons = {"not said why": review}
    entries += [(r, f"to review: {audit_name(r)}", n, "review") for r, n in sorted(reasons.items(), key=_most_first)]
    gone = sum(rejected.values())
    missing = total - kept - gone - held_out - review
    sentence = (
        f"{int(ledger.get('rows_in', total)):,} rows gave {total:,} comparisons: {kept:,} kept, {gone:,} rejected, "
        f"{held_out:,} held out, {review:,} sent to review."
    )
    if missing:
        sentence += f" This does not balance: {missing:+,} comparisons are unaccounted for."
    effects = dict(ledger.get("effects", {}))
    return LedgerView(
        sentence=sentence,
        balanced=not missing,
        destinations=tuple(
            Destination(label, n, n / total if total else 0.0, kind, _longer(effects.get(key)))
            for key, label, n, kind in entries
            if n
        ),
        splits=_splits(ledger),
        sources=tuple(_source(str(name), account) for name, account in dict(ledger.get("by_source") or {}).items()),
        notes=(
            *((audit_name(str(k)), _plain(v)) for k, v in ledger.items() if k not in _ELSEWHERE and v is not None),
            *_contamination(ledger.get("contamination")),
        ),
        warnings=tuple(str(warning) for warning in ledger.get("warnings", ())),
    )


def _most_first(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _longer(effect: Mapping[str, Any] | None) -> str:
    share = (effect or {}).get("chosen_longer")
    return "" if share is None else f"{share:.1%}"


def _splits(ledger: Mapping[str, Any]) -> tuple[SplitPart, ...]:
    groups = ledger.get("groups", {})
    shared = dict(ledger.get("overlap") or {}).get("by_split", {})
    parts = []
    for name, pairs in dict(ledger.get("splits", {})).items():
        overlap = shared[name]["pairs"] if name in shared else None
        common = "" if name == "train" else "not proved" if overlap is None else f"{overlap:,}"
        known = groups.get(name) if isinstance(groups, Mapping) else None
        parts.append(SplitPart(str(name), _plain(pairs), "" if known is None else _plain(known), common))
    return tuple(parts)


def _source(name: str, account: Mapping[str, Any]) -> SourcePart:
    total, kept, held_out, review = (int(account[k]) for k in ("comparisons_in", "kept", "held_out", "review"))
    rejected = {str(reason): int(n) for reason, n in account["rejected"].items()}
    gone = sum(rejected.values())
    why = ", ".join(f"{audit_name(reason)} {n:,}" for reason, n in sorted(rejected.items(), key=_most_first))
    return SourcePart(
        name=name,
        comparisons=f"{total:,}",
        kept=f"{kept:,}",
        rejected=f"{gone:,} ({why})" if why else "0",
        apart=f"{held_out + review:,}",
        epoch=f"{int(account['epoch_pairs']):,}",
        share=f"{account['epoch_share']:.1%}",
        balanced=total == kept + gone + held_out + review,
    )


def _contamination(found: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if found is not None:
        searched = ", ".join(map(str, found.get("by_slice", {}))) or "no slice"
        yield "contamination", "; ".join(contaminated(found)) or f"nothing of {searched} stands in train"


def _plain(value: Any) -> str:
    """Return a nested value as one line of text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{audit_name(str(key))} {_plain(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(inner) for inner in value) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
