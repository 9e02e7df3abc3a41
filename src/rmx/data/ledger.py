"""The ledger: where every comparison went, what each rule did to labels and lengths, and the overlap proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from rmx.data.accounts import Account, shown_accounts
from rmx.data.overlap import Overlap

__all__ = ["Effect", "Ledger", "NearDuplicates"]

JUDGE_ALONE = ("validation", "heldout", "disputed")
"""Splits that nothing is trained on."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Sums over comparisons that left for one reason, or stayed: what the rule did to labels and lengths.

    Lengths are characters of the completions.
    """

    count: int = 0
    labelled: int = 0
    """Those with a preferred side; the sums are over them."""
    chosen_length: int = 0
    rejected_length: int = 0
    chosen_longer: float = 0.0
    """How many have the longer completion chosen, equal lengths counted one half."""

    def plus(self, lengths: tuple[int, int] | None) -> Self:
        """Add one comparison by the lengths of its chosen and rejected completion, None where nothing was preferred."""
        return self.plus_many([lengths])

    def plus_many(self, lengths: Iterable[tuple[int, int] | None]) -> Self:
        """Add comparisons."""
        count, labelled, chosen, rejected, longer = (
            self.count,
            self.labelled,
            self.chosen_length,
            self.rejected_length,
            self.chosen_longer,
        )
        for sizes in lengths:
            count += 1
            if sizes is not None:
                labelled += 1
                chosen += sizes[0]
                rejected += sizes[1]
                longer += 0.5 if sizes[0] == sizes[1] else float(sizes[0] > sizes[1])
        return type(self)(count, labelled, chosen, rejected, longer)

    def summary(self) -> dict[str, float | int | None]:
        """Return count, mean lengths and the share with the longer side chosen; None where nothing is labelled."""
        n = self.labelled
        return {
            "count": self.count,
            "labelled": n,
            "mean_chosen_length": round(self.chosen_length / n, 2) if n else None,
            "mean_rejected_length": round(self.rejected_length / n, 2) if n else None,
            "chosen_longer": round(self.chosen_longer / n, 4) if n else None,
        }


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """How near-duplicate prompts united groups."""

    links: int = 0
    """Pairs of distinct prompts found to be near-duplicates."""
    clusters: int = 0
    """Groups with more than one distinct prompt because of them."""
    largest_group: int = 0
    """Pairs of the largest group."""
    cut: int = 0
    """Links not used, because the united group would have held more than 2% of the pairs."""
    searched: bool = True
    """Whether they were looked for at all: else the overlap proof is of equal prompts and given groups alone."""


@dataclass(frozen=True)
class Ledger:
    """Whole numbers that balance: comparisons_in = kept + rejected + held_out + review."""

    rows_in: int
    comparisons_in: int
    labels: Mapping[str, int]
    """Comparisons by label as read: first, second, tie, abstain, undecided, unknown."""
    rejected: Mapping[str, int]
    """By reason."""
    review: Mapping[str, int]
    """By reason."""
    splits: Mapping[str, int]
    """Pairs of train, validation, heldout and disputed, or of a cross-fit of each fold and disputed."""
    groups: Mapping[str, int]
    near_duplicates: NearDuplicates
    effects: Mapping[str, Effect]
    """By reason, and `kept`."""
    overlap: Mapping[str, Overlap]
    split_mode: str
    split_fingerprint: str
    fingerprint: str
    source: Mapping[str, Any]
    moved: Mapping[str, int] | None = None
    """Pairs that changed their split since an earlier one, by direction; None where none was given."""
    warnings: tuple[str, ...] = field(default=())
    contamination: Mapping[str, Any] | None = None
    """What train knows of slices and benchmarks (`rmx.data.contamination`); None where that was not searched."""
    accounts: Mapping[str, Account] = field(default_factory=dict)
    """Of a mixture, what became of the comparisons of each source."""
    streamed: int | None = None
    """Of a stream, the train pairs that it was read for; None where the data were read whole."""

    @property
    def kept(self) -> int:
        """Pairs to train, choose and judge with."""
        return sum(pairs for name, pairs in self.splits.items() if name != "disputed")

    @property
    def held_out(self) -> int:
        """Pairs set aside for disagreement: the slice `disputed`."""
        return self.splits["disputed"]

    @property
    def balances(self) -> bool:
        """Whether every comparison is accounted for."""
        away = sum(self.rejected.values()) + sum(self.review.values())
        whole = self.comparisons_in == self.kept + self.held_out + away
        return whole and all(account.balances for account in self.accounts.values())

    def to_json(self) -> dict[str, Any]:
        """Return the content of ledger.json."""
        return {
            "rows_in": self.rows_in,
            "comparisons_in": self.comparisons_in,
            "kept": self.kept,
            "rejected": dict(self.rejected),
            "held_out": self.held_out,
            "review": sum(self.review.values()),
            "review_reasons": dict(self.review),
            "labels": dict(self.labels),
            "splits": dict(self.splits),
            "groups": dict(self.groups),
            "near_duplicates": asdict(self.near_duplicates),
            "effects": {reason: effect.summary() for reason, effect in self.effects.items()},
            "overlap": {
                "pairs": sum(o.pairs for o in self.overlap.values()),
                "by_split": {split: asdict(o) for split, o in self.overlap.items()},
            },
            "contamination": None if self.contamination is None else dict(self.contamination),
            "moved": None if self.moved is None else sum(self.moved.values()),
            "moves": None if self.moved is None else dict(self.moved),
            "split_mode": self.split_mode,
            "split_fingerprint": self.split_fingerprint,
            "fingerprint": self.fingerprint,
            "source": dict(self.source),
            **({"by_source": shown_accounts(self.accounts)} if self.accounts else {}),
            **({} if self.streamed is None else {"stream": {"rows_read": self.rows_in, "read_for": self.streamed}}),
            "warnings": list(self.warnings),
        }

    def state(self) -> dict[str, Any]:
        """Return everything that `from_state` needs to build the ledger again."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build a ledger from `state`."""
        values = dict(state)
        values["near_duplicates"] = NearDuplicates(**values["near_duplicates"])
        values["effects"] = {reason: Effect(**e) for reason, e in values["effects"].items()}
        values["overlap"] = {split: Overlap(**o) for split, o in values["overlap"].items()}
        values["warnings"] = tuple(values["warnings"])
        values["accounts"] = {name: Account(**a) for name, a in values.get("accounts", {}).items()}
        return cls(**values)
