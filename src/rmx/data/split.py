"""Who learns, who chooses and who judges: a stable hash of the prompts decides for whole groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from rmx.config.nearest import did_you_mean
from rmx.config.schema import SplitConfig
from rmx.data.groups import Grouping, Prompted, Prompts, index_prompts
from rmx.data.overlap import FOLD
from rmx.data.text import unit_interval
from rmx.domain import PreferencePair
from rmx.errors import ConfigError, DataError

__all__ = [
    "MODES",
    "SPLITS",
    "assign_splits",
    "count_moved",
    "fold_name",
    "in_fold",
    "in_half",
    "is_cross_fit",
]

T = TypeVar("T", bound=Prompted)

SPLITS = ("train", "validation", "heldout", "disputed")
"""Every split of prepared data; `disputed` holds pairs set aside for disagreement, the others what was kept."""

MODES = ("grouped", "row_random")


def is_cross_fit(split: SplitConfig) -> bool:
    """Whether every fold is held out in turn; not so of the run of one fold."""
    return split.folds is not None and split.fold is None


def fold_name(fold: int) -> str:
    """Return what split.parquet and the ledger of a cross-fit call a fold."""
    return f"{FOLD}{fold}"


def assign_splits(
    pairs: Sequence[PreferencePair], prompts: Prompts, grouping: Grouping, split: SplitConfig
) -> tuple[str, ...]:
    """Return train, validation or heldout for every pair, of one run: of a cross-fit, that of `split.fold`.

    Each prompt has a number in [0, 1) that depends on its normalised text and `split.salt` alone; a group has the
    smallest number of its prompts. Below the heldout share it is held out, below heldout + validation it validates.
    Rows added later can only lower a group's number, so they never bring a pair from heldout into train.
    With mode `row_random` every pair has its own number, whatever its prompt.

    A fold is the k-th of `split.folds` equal parts of [0, 1). Its run turns the numbers until the fold stands where
    heldout does: fold k is held out, and what follows it validates. No pair validates for two folds as long as
    the validation share is at most that of a fold.

    Raises:
        ConfigError: the mode is not known, or the shares leave nothing to train on.
    """
    if split.mode not in MODES:
        raise ConfigError(f"data.split.mode={split.mode} is not known; {did_you_mean(split.mode, MODES)}")
    heldout = split.heldout if split.folds is None else 1 / split.folds
    if min(heldout, split.validation) < 0 or heldout + split.validation >= 1:
        raise ConfigError(
            f"data.split.heldout={heldout} and data.split.validation={split.validation} "
            "must not be negative and must leave a share to train on"
        )
    if split.mode == "row_random":
        numbers = [unit_interval(pair.pair_id, split.salt) for pair in pairs]
    else:
        numbers = _group_numbers(prompts, grouping.names, split)
    if split.folds is not None and split.fold is not None:
        return tuple(_in_run_of_fold(u, split.folds, split.fold, split.validation) for u in numbers)
    return tuple(
        "heldout" if u < heldout else "validation" if u < heldout + split.validation else "train" for u in numbers
    )


def in_fold(items: Sequence[T], split: SplitConfig) -> tuple[T, ...]:
    """Return what the run of `split.fold` judges of a slice from elsewhere: the groups whose number lies in the fold.

    A prompt that stands in the run's data too, and is no near-duplicate of another, is judged by the model that has not
    been trained on it.
    """
    if split.folds is None or split.fold is None:
        return tuple(items)
    prompts = index_prompts(items)
    groups = [item.group or f"prompt {number}" for item, number in zip(items, prompts.of_pair, strict=True)]
    numbers = _group_numbers(prompts, groups, split)
    places = [_in_run_of_fold(u, split.folds, split.fold, validation=0) for u in numbers]
    return tuple(item for item, place in zip(items, places, strict=True) if place == "heldout")


def _group_numbers(prompts: Prompts, groups: Sequence[str], split: SplitConfig) -> list[float]:
    """Return the number of each item's group, the smallest of its prompts'."""
    of_prompt = [unit_interval(text, split.salt) for text in prompts.texts]
    lowest: dict[str, float] = {}
    for group, prompt in zip(groups, prompts.of_pair, strict=True):
        lowest[group] = min(lowest.get(group, 1.0), of_prompt[prompt])
    return [lowest[group] for group in groups]


def _in_run_of_fold(number: float, folds: int, fold: int, validation: float) -> str:
    # In units of a fold and not of the line, so that no rounding puts a group into two folds or none.
    place = number * folds
    turned = (int(place) - fold) % folds + place % 1
    return "heldout" if turned < 1 else "validation" if turned < 1 + validation * folds else "train"


def in_half(group: str, split: SplitConfig) -> bool:
    """Whether a group of train belongs to the half that is trained on; the other half is the other run's.

    Which groups are held out does not depend on it, so two rewards trained on disjoint prompts are judged alike (Bai et
    al. 2022, arXiv 2204.05862, section 4.2: one is optimised against, the other watches).
    """
    if split.half is None:
        return True
    return (unit_interval(group, f"{split.salt} half") < 0.5) == (split.half == "first")


def count_moved(current: Mapping[str, str], earlier: Path) -> dict[str, int]:
    """Return how many pairs changed their split since an earlier split.parquet, as {"train to heldout": n}.

    Args:
        current: split of each pair id.
        earlier: the file; pairs that only one of the two knows are not counted.

    Raises:
        DataError: the file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(earlier, columns=["pair_id", "split"]).to_pydict()
    except (pa.ArrowException, OSError) as error:
        what = str(error).partition("\n")[0][:120]
        raise DataError(f"{earlier}: not a split of an earlier run ({what}); give its data/split.parquet") from None
    moved: dict[str, int] = {}
    for pair_id, before in zip(table["pair_id"], table["split"], strict=True):
        after = current.get(pair_id)
        if after is not None and after != before:
            moved[f"{before} to {after}"] = moved.get(f"{before} to {after}", 0) + 1
    return dict(sorted(moved.items()))
