"""Prepared data: pairs by split, everything that left, and the ledger that accounts for all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any, Self

from rmx.data.accounts import refuse_untrained, settle
from rmx.data.comparison import SOURCE_TAG, Rejection
from rmx.data.contamination.record import Hit, write_hits
from rmx.data.ledger import JUDGE_ALONE, Effect, Ledger
from rmx.data.overlap import SplitRow, count_overlap, split_fingerprint
from rmx.data.sampled import SampledPrompt
from rmx.data.text import digest, normalise, opening_turn
from rmx.data.turns import said
from rmx.domain import PreferencePair
from rmx.errors import DataError
from rmx.whole_file import whole_file, write_jsonl, write_text

__all__ = ["Prepared", "split_rows", "stayed_effects"]


@dataclass(frozen=True)
class Prepared:
    """What data became, up to the split."""

    splits: Mapping[str, tuple[PreferencePair, ...]]
    """train, validation, heldout and disputed, or of a cross-fit its folds and disputed; every pair has its group."""
    ledger: Ledger
    rejections: tuple[Rejection, ...]
    review: tuple[PreferencePair, ...]
    """For a person to decide; tag `review` says why."""
    fingerprint: str
    """Depends on the content of the data and on the configuration, and on what was dropped since."""
    leaks: tuple[Hit, ...] = ()
    """What train knows of the texts that judge, where that was searched (`rmx.data.contamination`)."""

    def drop(self, rejections: Iterable[Rejection]) -> Self:
        """Return the data without the pairs that rendering rejects; the ledger stays balanced.

        Raises:
            DataError: nothing would be left to train on.
        """
        gone = {r.pair_id: r for r in rejections}
        if not gone:
            return self
        effects = dict(self.ledger.effects)
        rejected = dict(self.ledger.rejected)
        known: set[str] = set()
        for pair in (p for pairs in self.splits.values() for p in pairs if p.pair_id in gone):
            if self.ledger.accounts:
                gone[pair.pair_id] = gone[pair.pair_id]._replace(source=pair.tags[SOURCE_TAG])
            reason = gone[pair.pair_id].reason
            known.add(pair.pair_id)
            rejected[reason] = rejected.get(reason, 0) + 1
            effects[reason] = effects.get(reason, Effect()).plus(_lengths(pair))
        if unknown := gone.keys() - known:
            raise ValueError(f"no pair {sorted(unknown)[0]!r} to drop")
        splits = {name: tuple(p for p in pairs if p.pair_id not in gone) for name, pairs in self.splits.items()}
        for name in splits:
            # Of a cross-fit every fold is trained on, and judges.
            if name not in JUDGE_ALONE and self.splits[name] and not splits[name]:
                first, count = next(gone[p.pair_id] for p in self.splits[name]), len(self.splits[name])
                raise DataError(
                    f"all {count:,} pairs of {name} leave as {first.reason}, first {first.origin.file} "
                    f"row {first.origin.row} ({first.detail}); raise data.max_length or use other data"
                )
        rows = split_rows(splits)
        rejections = (*self.rejections, *gone.values())
        accounts = settle(self.ledger.accounts, splits, self.review, rejections)
        refuse_untrained(accounts)
        ledger = replace(
            self.ledger,
            accounts=accounts,
            rejected=rejected,
            splits={name: len(pairs) for name, pairs in splits.items()},
            groups={name: len({p.group for p in pairs}) for name, pairs in splits.items()},
            effects={**effects, **stayed_effects(splits, self.review)},
            overlap=count_overlap(rows),
            split_fingerprint=split_fingerprint(rows),
            fingerprint=digest(self.fingerprint, *sorted(gone)),
        )
        ledger = replace(ledger, warnings=(*self.ledger.warnings, *_selective_loss(ledger, gone.values())))
        return replace(
            self,
            splits=splits,
            ledger=ledger,
            rejections=rejections,
            fingerprint=ledger.fingerprint,
        )

    def write(self, directory: Path) -> None:
        """Write ledger.json, split.parquet, rejected.jsonl, review.jsonl and contamination.jsonl, each whole or not.

        Raises:
            RunError: the directory cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = split_rows(self.splits)
        table = pa.table({name: [getattr(r, name) for r in rows] for name in SplitRow._fields})
        write_jsonl(directory / "rejected.jsonl", map(_rejected_row, self.rejections))
        write_jsonl(directory / "review.jsonl", map(_review_row, self.review))
        if self.ledger.contamination is not None:
            write_hits(self.leaks, directory / "contamination.jsonl")
        with whole_file(directory / "split.parquet") as partial:
            pq.write_table(table, partial)
        # Last: a directory with a ledger is complete.
        write_text(directory / "ledger.json", json.dumps(self.ledger.to_json(), indent=2) + "\n")


def split_rows(splits: Mapping[str, Sequence[PreferencePair | SampledPrompt]]) -> list[SplitRow]:
    """Return the lines of split.parquet; sampled prompts, which no split has, stand under their own ids."""
    spelled: dict[str, str] = {}
    rows: list[SplitRow] = []
    for name, pairs in splits.items():
        for pair in pairs:
            text = opening_turn(pair.prompt)
            prompt = spelled.get(text)
            if prompt is None:
                prompt = spelled[text] = digest(normalise(text))
            identity = pair.pair_id if isinstance(pair, PreferencePair) else pair.prompt_id
            rows.append(SplitRow(identity, pair.group, name, prompt))
    return rows


def stayed_effects(
    splits: Mapping[str, Sequence[PreferencePair]], review: Sequence[PreferencePair]
) -> dict[str, Effect]:
    """Return the label and length sums of what stayed: kept, held_out and review."""
    places: dict[str, Iterable[PreferencePair]] = {
        "kept": (p for name, pairs in splits.items() if name != "disputed" for p in pairs),
        "held_out": splits["disputed"],
        "review": review,
    }
    return {name: Effect().plus_many(map(_lengths, pairs)) for name, pairs in places.items()}


def _lengths(pair: PreferencePair) -> tuple[int, int] | None:
    """Return the lengths of the chosen and of the rejected side, None where nothing was preferred."""
    undecided = pair.tied or pair.tags.get("review") == "undecided"
    return None if undecided else (len(said(pair.chosen)), len(said(pair.rejected)))


def _selective_loss(ledger: Ledger, gone: Iterable[Rejection]) -> list[str]:
    """Warn where what left had the longer side chosen at another rate than what stays (three standard errors)."""
    warnings: list[str] = []
    kept = ledger.effects["kept"]
    for reason in sorted({r.reason for r in gone}):
        left = ledger.effects[reason]
        if not left.labelled or not kept.labelled:
            continue
        p, q = left.chosen_longer / left.labelled, kept.chosen_longer / kept.labelled
        both = (left.chosen_longer + kept.chosen_longer) / (left.labelled + kept.labelled)
        error = sqrt(both * (1 - both) * (1 / left.labelled + 1 / kept.labelled))
        if abs(p - q) > 3 * error > 0:
            warnings.append(
                f"{reason} removed {left.count:,} pairs with the longer side chosen in {p:.1%}, "
                f"against {q:.1%} of those kept: the loss is not neutral to length"
            )
    return warnings


def _rejected_row(rejection: Rejection) -> dict[str, Any]:
    origin = rejection.origin
    row = {"id": rejection.pair_id, "file": origin.file, "row": origin.row}
    source = {SOURCE_TAG: rejection.source} if rejection.source else {}
    return {**row, "reason": rejection.reason, "detail": rejection.detail, **source}


def _review_row(pair: PreferencePair) -> dict[str, Any]:
    return {
        "id": pair.pair_id,
        "file": pair.origin.file,
        "row": pair.origin.row,
        "reason": pair.tags.get("review", ""),
        "prompt": [m._asdict() for m in pair.prompt],
        "chosen": pair.chosen,
        "rejected": pair.rejected,
        "votes": pair.votes,
        "agreement": pair.agreement,
        "group": pair.group,
        "tags": {k: v for k, v in pair.tags.items() if k != "review"},
    }
