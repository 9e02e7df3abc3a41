"""The overlap proof: what train shares with every other split, counted when data are split and again when loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rmx.data.text import digest
from rmx.errors import DataError

__all__ = ["Overlap", "SplitRow", "count_overlap", "read_split", "split_fingerprint", "verify_split"]


FOLD = "fold_"
"""Begins the names of a cross-fit's folds."""


class SplitRow(NamedTuple):
    """One line of split.parquet."""

    pair_id: str
    group: str
    split: str
    prompt: str
    """Hash of the normalised prompt (of a dialogue: the opening turn)."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What one split shares with train."""

    pairs: int
    """Its pairs whose prompt or group stands in train too."""
    prompts: int
    """Its distinct prompts that stand in train too, word for word after normalisation."""
    groups: int
    """Its groups (given ids, near-duplicate clusters) that stand in train too."""


def count_overlap(rows: Iterable[SplitRow]) -> dict[str, Overlap]:
    """Return the overlap of each split that has pairs with what the model that judges it was trained on.

    That is `train`, or of a cross-fit's fold all other folds, of which its train part is one. Pairs set aside as
    `disputed` are in neither; the run of each fold proves its own.
    """
    by_split: dict[str, list[SplitRow]] = {}
    for row in rows:
        by_split.setdefault(row.split, []).append(row)
    folds = {name: own for name, own in by_split.items() if name.startswith(FOLD)}
    if folds and "train" not in by_split:
        return {
            name: _shared(own, [row for other, rows in folds.items() if other != name for row in rows])
            for name, own in folds.items()
        }
    train = by_split.pop("train", [])
    return {split: _shared(others, train) for split, others in sorted(by_split.items())}


def _shared(others: Sequence[SplitRow], train: Sequence[SplitRow]) -> Overlap:
    prompts, groups = {r.prompt for r in train}, {r.group for r in train}
    return Overlap(
        pairs=sum(r.prompt in prompts or r.group in groups for r in others),
        prompts=len({r.prompt for r in others} & prompts),
        groups=len({r.group for r in others} & groups),
    )


def split_fingerprint(rows: Iterable[SplitRow]) -> str:
    """Return a hash of which pair, of which group and prompt, is in which split; the order of rows does not matter."""
    return digest(*(part for row in sorted(rows) for part in row))


def read_split(directory: Path) -> list[SplitRow]:
    """Return the lines of a data directory's split.parquet.

    Raises:
        DataError: it is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(directory / "split.parquet", columns=list(SplitRow._fields)).to_pydict()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(directory, error) from None
    return [SplitRow(*cells) for cells in zip(*(table[name] for name in SplitRow._fields), strict=True)]


def verify_split(directory: Path) -> dict[str, Overlap]:
    """Check a run's data directory again: the split is the recorded one, and its overlap is what the ledger says.

    Args:
        directory: holds ledger.json and split.parquet.

    Returns:
        The overlap with train of each other split, counted afresh.

    Raises:
        DataError: a file is missing or changed, or a grouped split shares prompts or groups with train.
    """
    rows = read_split(directory)
    try:
        ledger: Mapping[str, Any] = json.loads((directory / "ledger.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(directory, error) from None
    if split_fingerprint(rows) != ledger.get("split_fingerprint"):
        raise DataError(f"{directory}/split.parquet is not the split that ledger.json records; prepare the data again")
    overlap = count_overlap(rows)
    recorded = ledger.get("overlap", {}).get("by_split") or {}
    # A run's ledger also proves slices from elsewhere, whose pairs split.parquet does not hold.
    if any(recorded.get(split) != asdict(found) for split, found in overlap.items()):
        raise DataError(
            f"{directory}/ledger.json records another overlap than split.parquet has; prepare the data again"
        )
    shared = {split: o.pairs for split, o in overlap.items() if o.pairs}
    if shared and ledger.get("split_mode") != "row_random":
        raise DataError(
            f"{directory}/split.parquet: {shared} pairs share prompts with train although the split is grouped; "
            "prepare the data again"
        )
    return overlap


def _unreadable(directory: Path, error: Exception) -> DataError:
    what = str(error).partition("\n")[0][:120]
    return DataError(f"{directory}: no readable ledger.json and split.parquet ({what}); prepare the data again")
