"""Who learns, who chooses and who judges: a stable hash of the prompts decides for whole groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rmx.config.nearest import did_you_mean
from rmx.config.schema import SplitConfig
from rmx.data.groups import Grouping, Prompts
from rmx.data.text import unit_interval
from rmx.domain import PreferencePair
from rmx.errors import ConfigError, DataError

__all__ = ["MODES", "SPLITS", "assign_splits", "count_moved", "in_half"]

SPLITS = ("train", "validation", "heldout", "disputed")
"""Every split of prepared data; `disputed` holds pairs set aside for disagreement, the others what was kept."""

MODES = ("grouped", "row_random")


def assign_splits(
    pairs: Sequence[PreferencePair], prompts: Prompts, grouping: Grouping, split: SplitConfig
) -> tuple[str, ...]:
    """Return train, validation or heldout for every pair.

    Each prompt has a number in [0, 1) that depends on its normalised text and `split.salt` alone; a group has the
    smallest number of its prompts. Below the heldout share it is held out, below heldout + validation it validates.
    Rows added later can only lower a group's number, so they never bring a pair from heldout into train.
    With mode `row_random` every pair has its own number, whatever its prompt.

    Raises:
        ConfigError: the mode is not known, or the shares leave nothing to train on.
    """
    if split.mode not in MODES:
        raise ConfigError(f"data.split.mode={split.mode} is not known; {did_you_mean(split.mode, MODES)}")
    if min(split.heldout, split.validation) < 0 or split.heldout + split.validation >= 1:
        raise ConfigError(
            f"data.split.heldout={split.heldout} and data.split.validation={split.validation} "
            "must not be negative and must leave a share to train on"
        )
    if split.mode == "row_random":
        numbers = [unit_interval(pair.pair_id, split.salt) for pair in pairs]
    else:
        of_prompt = [unit_interval(text, split.salt) for text in prompts.texts]
        lowest: dict[str, float] = {}
        for group, prompt in zip(grouping.names, prompts.of_pair, strict=True):
            lowest[group] = min(lowest.get(group, 1.0), of_prompt[prompt])
        numbers = [lowest[group] for group in grouping.names]
    return tuple(
        "heldout" if u < split.heldout else "validation" if u < split.heldout + split.validation else "train"
        for u in numbers
    )


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
