"""What became of the comparisons of each source of a mixture: the ledger's whole numbers, one account a source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rmx.data.comparison import SOURCE_TAG, Rejection
from rmx.data.shares import epoch_counts
from rmx.domain import PreferencePair
from rmx.errors import DataError

__all__ = ["Account", "epoch_pairs", "refuse_untrained", "settle", "shown_accounts"]

_KEPT = ("train", "validation", "heldout")


@dataclass(frozen=True, slots=True)
class Account:
    """One source, balanced as the whole is: comparisons_in = kept + rejected + held_out + review."""

    rows_in: int
    comparisons_in: int
    weight: float | None
    """None where no source has one."""
    rejected: Mapping[str, int]
    """By reason."""
    review: Mapping[str, int]
    """By reason."""
    splits: Mapping[str, int]
    """Pairs of train, validation, heldout and disputed."""

    @property
    def kept(self) -> int:
        """Pairs to train, choose and judge with."""
        return sum(self.splits[name] for name in _KEPT)

    @property
    def balances(self) -> bool:
        """Whether every comparison of the source is accounted for."""
        away = sum(self.rejected.values()) + sum(self.review.values())
        return self.comparisons_in == self.kept + self.splits["disputed"] + away


def settle(
    accounts: Mapping[str, Account],
    splits: Mapping[str, Sequence[PreferencePair]],
    review: Iterable[PreferencePair],
    rejections: Iterable[Rejection],
) -> dict[str, Account]:
    """Return the accounts of sources with where their comparisons are now; what was read of each stays."""
    if not accounts:
        return {}
    rejected: dict[str, Counter[str]] = {name: Counter() for name in accounts}
    reviewed: dict[str, Counter[str]] = {name: Counter() for name in accounts}
    for rejection in rejections:
        rejected[rejection.source][rejection.reason] += 1
    for pair in review:
        reviewed[pair.tags[SOURCE_TAG]][pair.tags["review"]] += 1
    placed = {split: Counter(pair.tags[SOURCE_TAG] for pair in pairs) for split, pairs in splits.items()}
    return {
        name: replace(
            account,
            rejected=dict(rejected[name]),
            review=dict(reviewed[name]),
            splits={split: counts[name] for split, counts in placed.items()},
        )
        for name, account in accounts.items()
    }


def epoch_pairs(accounts: Mapping[str, Account]) -> dict[str, int]:
    """Return how many train pairs of each source an epoch holds."""
    weights = {name: account.weight for name, account in accounts.items()}
    return epoch_counts({name: account.splits["train"] for name, account in accounts.items()}, weights)


def refuse_untrained(accounts: Mapping[str, Account]) -> None:
    """Refuse a source that an epoch would hold no pair of.

    Raises:
        DataError: It has no train pair, or too small a weight.
    """
    for name, account in accounts.items():
        if not account.splits["train"]:
            lost = max(account.rejected.items(), key=lambda item: item[1], default=None)
            why = f"; most left as {lost[0]} ({lost[1]:,})" if lost else ""
            raise DataError(
                f"data.sources.{name}: none of its {account.comparisons_in:,} comparisons is in train{why}; give more "
                f"of them, or leave it out with ~data.sources.{name}"
            )
    for name, count in epoch_pairs(accounts).items():
        if not count:
            raise DataError(
                f"data.sources.{name}.weight: {accounts[name].weight:g} is so small beside the others that an epoch "
                f"of {sum(epoch_pairs(accounts).values()):,} pairs holds none of this source; raise it"
            )


def shown_accounts(accounts: Mapping[str, Account]) -> dict[str, dict[str, Any]]:
    """Return the accounts as ledger.json shows them, with each source's part of the pairs that are trained on."""
    epoch = epoch_pairs(accounts)
    return {
        name: {
            "rows_in": account.rows_in,
            "comparisons_in": account.comparisons_in,
            "kept": account.kept,
            "rejected": dict(account.rejected),
            "held_out": account.splits["disputed"],
            "review": sum(account.review.values()),
            "review_reasons": dict(account.review),
            "splits": dict(account.splits),
            "weight": account.weight,
            "epoch_pairs": epoch[name],
            "epoch_share": round(epoch[name] / sum(epoch.values()), 4),
        }
        for name, account in accounts.items()
    }
