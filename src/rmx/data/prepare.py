"""The torch-free way of the data: rows in, pairs by split out, everything accounted for."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from math import sqrt
from pathlib import Path

from rmx.config.schema import DataConfig
from rmx.data.cache import load_prepared, store_prepared
from rmx.data.collect import Collected, collect, for_review
from rmx.data.comparison import Rejection
from rmx.data.expand import TOKEN_FORMATS
from rmx.data.given_tokens import GivenTokens
from rmx.data.groups import Grouping, Prompts, group_pairs, index_prompts
from rmx.data.ledger import Ledger, NearDuplicates
from rmx.data.overlap import count_overlap, split_fingerprint
from rmx.data.prepared import Prepared, split_rows, stayed_effects
from rmx.data.sources import Rows, read_rows
from rmx.data.split import SPLITS, assign_splits, count_moved, in_half
from rmx.data.text import digest
from rmx.domain import PreferencePair
from rmx.errors import DataError

__all__ = ["Prepared", "Rejection", "data_fingerprint", "prepare"]

_VERSION = "1"
"""Part of every fingerprint; to be raised when the same data and configuration would become something else."""
_READING = "tools"
"""Part of the cache's keys alone; to be changed when rows are read otherwise than before."""
_ELSEWHERE = frozenset({"name", "path", "hub", "subset", "hub_split", "revision", "world", "max_length", "benchmarks"})
"""Fields that say where the data are, whose content is hashed instead, or that act after the split."""


def prepare(
    data: DataConfig, *, cache: Path | None = None, earlier: Path | None = None, tokens: GivenTokens | None = None
) -> Prepared:
    """Expand, validate, group and split.

    Args:
        data: where the rows are and what is made of them.
        cache: directory where prepared data are kept by fingerprint; None neither reads nor writes one.
        earlier: split.parquet of an earlier run; pairs that changed their split since are counted as `moved`.
        tokens: reads rows of token ids (`data.format=token_ids`).

    Raises:
        ConfigError: the configuration does not fit the data.
        DataError: data that cannot be read or used; names file and row.
    """
    rows = read_rows(data)
    fingerprint = data_fingerprint(data, rows)
    if data.format in TOKEN_FORMATS and tokens is not None:
        fingerprint = digest(fingerprint, tokens.fingerprint, str(tokens.terminal_id))
    # Origins name files, so the same content elsewhere is another entry.
    key = digest(fingerprint, repr(rows.resolved), _READING)
    prepared = load_prepared(cache / key) if cache is not None else None
    if prepared is None:
        prepared = _prepare(data, rows, fingerprint, tokens)
        if cache is not None:
            store_prepared(prepared, cache / key)
    if earlier is not None:
        now = {p.pair_id: name for name, pairs in prepared.splits.items() for p in pairs}
        prepared = replace(prepared, ledger=replace(prepared.ledger, moved=count_moved(now, earlier)))
    return prepared


def data_fingerprint(data: DataConfig, rows: Rows) -> str:
    """Return a hash of the content of the data and of every setting that changes what it becomes."""
    settings = {key: value for key, value in asdict(data).items() if key not in _ELSEWHERE}
    # A way of splitting that is not used leaves the fingerprints of before it existed.
    settings["split"] = {key: value for key, value in settings["split"].items() if value is not None}
    return digest(_VERSION, rows.fingerprint, repr(sorted(settings.items())))


def _prepare(data: DataConfig, rows: Rows, fingerprint: str, tokens: GivenTokens | None) -> Prepared:
    found = collect(rows, data, tokens)
    prompts = index_prompts(found.pairs)
    grouping = group_pairs(
        found.pairs, prompts, near_duplicates=data.near_duplicates, jaccard=data.near_duplicate_jaccard
    )
    splits, review = _place(data, found, prompts, grouping)
    if not splits["train"]:
        raise DataError(
            f"train is empty: {len(found.pairs):,} pairs in {len(set(grouping.names)):,} groups are too few for "
            f"data.split.heldout={data.split.heldout}; lower it or give more data"
        )
    lines = split_rows(splits)
    ledger = Ledger(
        rows_in=found.rows,
        comparisons_in=found.comparisons,
        labels=dict(found.labels),
        rejected=dict(Counter(r.reason for r in found.rejections)),
        review=dict(Counter(p.tags["review"] for p in review)),
        splits={name: len(pairs) for name, pairs in splits.items()},
        groups={name: len({p.group for p in pairs}) for name, pairs in splits.items()},
        near_duplicates=NearDuplicates(len(grouping.links), grouping.clusters, grouping.largest, len(grouping.cut)),
        effects={**found.effects, **stayed_effects(splits, review)},
        overlap=count_overlap(lines),
        split_mode=data.split.mode,
        split_fingerprint=split_fingerprint(lines),
        fingerprint=fingerprint,
        source=dict(rows.resolved),
        warnings=tuple(_warnings(data, found, grouping, splits)),
    )
    if not ledger.balances:
        raise RuntimeError("the ledger does not balance")
    return Prepared(splits, ledger, tuple(found.rejections), tuple(review), fingerprint)


def _place(
    data: DataConfig, found: Collected, prompts: Prompts, grouping: Grouping
) -> tuple[dict[str, tuple[PreferencePair, ...]], list[PreferencePair]]:
    """Give every pair its group and put it into its split or into review."""
    assigned = assign_splits(found.pairs, prompts, grouping, data.split)
    grouped = data.split.mode == "grouped"
    if grouped and data.split.heldout + data.split.validation > 0 and len(set(grouping.names)) == 1:
        raise DataError(
            f"all {len(found.pairs):,} pairs share one prompt or group, which cannot be both trained on and held out; "
            "give data with more prompts, or set data.split.heldout=0 data.split.validation=0"
        )
    leaky = _linked_to_train(assigned, prompts, grouping) if grouped else set()
    splits: dict[str, list[PreferencePair]] = {name: [] for name in SPLITS}
    review: list[PreferencePair] = []
    for k, pair in enumerate(found.pairs):
        pair = replace(pair, group=grouping.names[k])
        destination, split = found.destinations[k], assigned[k]
        if destination == "review":
            review.append(pair)
        elif prompts.of_pair[k] in leaky and split != "train":
            review.append(for_review(pair, "near_duplicate_of_train"))
        elif destination == "keep" and split == "train" and not in_half(pair.group, data.split):
            detail = f"data.split.half={data.split.half} trains on the other groups"
            found.rejections.append(Rejection(pair.pair_id, pair.origin, "other_half", detail))
        elif destination == "keep":
            splits[split].append(pair)
        elif grouped and split == "train":
            # Its prompt is trained on through other pairs, so it cannot judge.
            review.append(for_review(pair, "disagreement_in_train_group"))
        else:
            splits["disputed"].append(pair)
    return {name: tuple(pairs) for name, pairs in splits.items()}, review


def _linked_to_train(assigned: tuple[str, ...], prompts: Prompts, grouping: Grouping) -> set[int]:
    """Return prompts outside train that a cut link ties to a prompt in train."""
    side = dict(zip(prompts.of_pair, assigned, strict=True))
    leaky: set[int] = set()
    for link in grouping.cut:
        for one, other in ((link.first, link.second), (link.second, link.first)):
            if side[one] != "train" and side[other] == "train":
                leaky.add(one)
    return leaky


def _warnings(
    data: DataConfig, found: Collected, grouping: Grouping, splits: dict[str, tuple[PreferencePair, ...]]
) -> list[str]:
    warnings: list[str] = []
    for name, share in (("validation", data.split.validation), ("heldout", data.split.heldout)):
        if share > 0 and not splits[name]:
            groups = len(set(grouping.names))
            warnings.append(f"{name} is empty: {groups:,} groups are too few for data.split.{name}={share}")
    if grouping.cut:
        warnings.append(
            f"{len(grouping.cut):,} near-duplicate links were cut, because the united group would have held more "
            "than 2% of the pairs; held-out pairs tied to train by one went to review"
        )
    first, second = found.labels["first"], found.labels["second"]
    # Formats with a chosen column have no second: there is no position to lean to.
    if second and abs(first - second) > 5 * sqrt(first + second) and max(first, second) > 0.6 * (first + second):
        side = "first" if first > second else "second"
        share = max(first, second) / (first + second)
        warnings.append(f"labels lean to the {side} candidate ({share:.1%}): position may tell the label")
    return warnings
