"""The torch-free way of the data: rows in, pairs by split out, everything accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

from rmx.config.schema import DataConfig
from rmx.data.accounts import Account, refuse_untrained, settle
from rmx.data.cache import load_prepared, store_prepared
from rmx.data.collect import Collected, Tally, collect, for_review
from rmx.data.comparison import Rejection
from rmx.data.expand import TOKEN_FORMATS
from rmx.data.given_tokens import GivenTokens
from rmx.data.groups import Grouping, Prompts, group_pairs, index_prompts
from rmx.data.ledger import Ledger, NearDuplicates
from rmx.data.overlap import count_overlap, split_fingerprint
from rmx.data.prepared import Prepared, split_rows, stayed_effects
from rmx.data.sources import Source, open_sources
from rmx.data.split import SPLITS, assign_splits, count_moved, fold_name, in_half, is_cross_fit
from rmx.data.stream import Need, collect_stream
from rmx.data.text import digest
from rmx.domain import PreferencePair
from rmx.errors import ConfigError, DataError

__all__ = ["Prepared", "Rejection", "data_fingerprint", "prepare"]

_VERSION = "1"
"""Part of every fingerprint; to be raised when the same data and configuration would become something else."""
_READING = "tools"
"""Part of the cache's keys alone; to be changed when rows are read otherwise than before."""
_ELSEWHERE = frozenset({"name", "path", "hub", "subset", "hub_split", "revision", "world", "max_length", "benchmarks"})
"""Fields that say where the data are, whose content is hashed instead, or that act after the split."""


def prepare(
    data: DataConfig,
    *,
    cache: Path | None = None,
    earlier: Path | None = None,
    need: Need | None = None,
    tokens: GivenTokens | None = None,
) -> Prepared:
    """Expand, validate, group and split.

    Args:
        data: where the rows are and what is made of them.
        cache: directory where prepared data are kept by fingerprint; None neither reads nor writes one. A stream is
            never kept: what it holds is known only after reading.
        earlier: split.parquet of an earlier run; pairs that changed their split since are counted as `moved`.
        need: of a stream, what it is read for.
        tokens: reads rows of token ids (`data.format=token_ids`).

    Raises:
        ConfigError: the configuration does not fit the data.
        DataError: data that cannot be read or used; names file and row.
    """
    sources = open_sources(data)
    if data.stream:
        prepared = _prepare_stream(data, sources, need, tokens)
    else:
        fingerprint = data_fingerprint(data, sources, tokens=tokens)
        # Origins name files, so the same content elsewhere is another entry.
        key = digest(fingerprint, repr(_resolved(sources)), _READING)
        found = load_prepared(cache / key) if cache is not None else None
        prepared = found or _prepare(data, sources, fingerprint, tokens)
        if cache is not None and found is None:
            store_prepared(prepared, cache / key)
    if earlier is not None:
        now = {p.pair_id: name for name, pairs in prepared.splits.items() for p in pairs}
        prepared = replace(prepared, ledger=replace(prepared.ledger, moved=count_moved(now, earlier)))
    return prepared


def data_fingerprint(
    data: DataConfig,
    sources: Sequence[Source],
    read: Mapping[str, str] | None = None,
    *,
    tokens: GivenTokens | None = None,
) -> str:
    """Return a hash of the content of the data and of every setting that changes what it becomes.

    Args:
        data: the configuration.
        sources: what it names.
        read: of a stream, a hash of the rows that were read of each source.
        tokens: reads rows of token ids; which tokenizer's they are is part of what they say.
    """
    if tokens is not None and any(source.data.format in TOKEN_FORMATS for source in sources):
        plain = data_fingerprint(data, sources, read)
        return digest(plain, tokens.fingerprint, str(tokens.terminal_id), repr(tokens.opening))
    settings = {key: value for key, value in asdict(data).items() if key not in _ELSEWHERE}
    # What is not used leaves the fingerprints of before it existed; nor does the model that a cross-fit trains beside
    # its folds change them.
    settings["split"] = {k: v for k, v in settings["split"].items() if v is not None and k != "final"}
    if data.ties == "reject":
        del settings["ties"]
    if not settings.pop("stream"):
        read = {source.name: source.rows.fingerprint for source in sources}
    elif read is None:
        raise ValueError("a stream has a fingerprint once it has been read")
    else:
        settings["stream"] = True
    if not settings.pop("sources"):
        return digest(_VERSION, read[""], repr(sorted(settings.items())))
    parts = ((s.name, read[s.name], repr(s.weight), _meaning(s.data)) for s in sources)
    return digest(_VERSION, *(text for part in parts for text in part), repr(sorted(settings.items())))


def _meaning(data: DataConfig) -> str:
    """Return what a source sets besides where it is; a field that it leaves alone may be added later."""
    usual = asdict(DataConfig())
    return repr(sorted((k, v) for k, v in asdict(data).items() if k not in _ELSEWHERE and v != usual[k]))


def _resolved(sources: Sequence[Source]) -> Mapping[str, Any]:
    return {s.name: dict(s.rows.resolved) for s in sources} if sources[0].name else sources[0].rows.resolved


def _prepare(data: DataConfig, sources: Sequence[Source], fingerprint: str, tokens: GivenTokens | None) -> Prepared:
    found = collect(sources, data.max_defects, tokens)
    placed = _split(data, found)
    held = data.split.heldout + data.split.validation
    if data.split.mode == "grouped" and held > 0 and len(set(placed.grouping.names)) == 1:
        raise DataError(
            f"all {len(found.pairs):,} pairs share one prompt or group, which cannot be both trained on and held out; "
            "give data with more prompts, or set data.split.heldout=0 data.split.validation=0"
        )
    return _account(data, sources, found, placed, fingerprint)


def _prepare_stream(
    data: DataConfig, sources: Sequence[Source], need: Need | None, tokens: GivenTokens | None
) -> Prepared:
    if need is None:
        raise ConfigError("data.stream: only training reads a stream, as far as it needs; give data.stream=false here")
    found, read = collect_stream(sources, data.max_defects, need, lambda now: _split(data, now).splits["train"], tokens)
    fingerprint = data_fingerprint(data, sources, read, tokens=tokens)
    prepared = _account(data, sources, found, _split(data, found), fingerprint)
    return replace(prepared, ledger=replace(prepared.ledger, streamed=need.train_pairs))


class _Split(NamedTuple):
    """Every pair at its place."""

    splits: dict[str, tuple[PreferencePair, ...]]
    review: list[PreferencePair]
    rejections: list[Rejection]
    """Those that leave for their place."""
    grouping: Grouping


def _split(data: DataConfig, found: Collected) -> _Split:
    prompts = index_prompts(found.pairs)
    grouping = group_pairs(
        found.pairs, prompts, near_duplicates=_near_duplicates(data), jaccard=data.near_duplicate_jaccard
    )
    place = _place_folds if is_cross_fit(data.split) else _place
    return _Split(*place(data, found, prompts, grouping), grouping)


def _near_duplicates(data: DataConfig) -> bool:
    # What a later row is near to would regroup the pairs that a stream was read for.
    return data.near_duplicates and not data.stream


def _account(
    data: DataConfig, sources: Sequence[Source], found: Collected, placed: _Split, fingerprint: str
) -> Prepared:
    """Put what was found and where it went into a ledger that balances."""
    splits, review, left, grouping = placed
    rejections = (*found.rejections, *left)
    if "train" in splits and not splits["train"]:
        raise DataError(
            f"train is empty: {len(found.pairs):,} pairs in {len(set(grouping.names)):,} groups are too few for "
            f"data.split.heldout={data.split.heldout}; lower it or give more data"
        )
    accounts = {
        s.name: Account(found.tallies[s.name].rows, found.tallies[s.name].comparisons, s.weight, {}, {}, {})
        for s in sources
        if s.name
    }
    accounts = settle(accounts, splits, review, rejections)
    refuse_untrained(accounts)
    lines = split_rows(splits)
    near = NearDuplicates(
        len(grouping.links), grouping.clusters, grouping.largest, len(grouping.cut), searched=_near_duplicates(data)
    )
    ledger = Ledger(
        rows_in=sum(tally.rows for tally in found.tallies.values()),
        comparisons_in=sum(tally.comparisons for tally in found.tallies.values()),
        labels=dict(sum((tally.labels for tally in found.tallies.values()), Counter())),
        rejected=dict(Counter(r.reason for r in rejections)),
        review=dict(Counter(p.tags["review"] for p in review)),
        splits={name: len(pairs) for name, pairs in splits.items()},
        groups={name: len({p.group for p in pairs}) for name, pairs in splits.items()},
        near_duplicates=near,
        effects={**found.effects, **stayed_effects(splits, review)},
        overlap=count_overlap(lines),
        split_mode=data.split.mode,
        split_fingerprint=split_fingerprint(lines),
        fingerprint=fingerprint,
        source=dict(_resolved(sources)),
        warnings=(*_warnings(data, found, grouping, splits), *_two_ways(sources)),
        accounts=accounts,
    )
    if not ledger.balances:
        raise RuntimeError("the ledger does not balance")
    return Prepared(splits, ledger, rejections, tuple(review), fingerprint)


def _place(
    data: DataConfig, found: Collected, prompts: Prompts, grouping: Grouping
) -> tuple[dict[str, tuple[PreferencePair, ...]], list[PreferencePair], list[Rejection]]:
    """Give every pair its group and put it into its split, into review, or out."""
    assigned = assign_splits(found.pairs, prompts, grouping, data.split)
    grouped = data.split.mode == "grouped"
    leaky = _linked_to_train(assigned, prompts, grouping) if grouped else set()
    splits: dict[str, list[PreferencePair]] = {name: [] for name in SPLITS}
    review: list[PreferencePair] = []
    left: list[Rejection] = []
    for k, pair in enumerate(found.pairs):
        pair = replace(pair, group=grouping.names[k])
        destination, split = found.destinations[k], assigned[k]
        if destination == "review":
            review.append(pair)
        elif prompts.of_pair[k] in leaky and split != "train":
            review.append(for_review(pair, "near_duplicate_of_train"))
        elif destination == "keep" and split == "train" and not in_half(pair.group, data.split):
            detail = f"data.split.half={data.split.half} trains on the other groups"
            left.append(Rejection(pair.pair_id, pair.origin, "other_half", detail, found.source_of(pair)))
        elif destination == "keep" and split != "train" and pair.tied:
            # It has no side that a reward could get right, and its prompt must not be trained on.
            detail = f"its prompt is in {split}"
            left.append(Rejection(pair.pair_id, pair.origin, "tie_held_out", detail, found.source_of(pair)))
        elif destination == "keep":
            splits[split].append(pair)
        elif grouped and (split == "train" or (split == "validation" and data.split.folds is not None)):
            # Its prompt is trained on through other pairs, so it cannot judge; of a cross-fit, its own fold judges it.
            review.append(for_review(pair, "disagreement_in_train_group"))
        else:
            splits["disputed"].append(pair)
    return {name: tuple(pairs) for name, pairs in splits.items()}, review, left


def _place_folds(
    data: DataConfig, found: Collected, prompts: Prompts, grouping: Grouping
) -> tuple[dict[str, tuple[PreferencePair, ...]], list[PreferencePair], list[Rejection]]:
    """Give every pair the place that it has in the run of its own fold, the one that does not train on it."""
    folds = data.split.folds or 0
    splits: dict[str, tuple[PreferencePair, ...]] = {}
    disputed: list[PreferencePair] = []
    review: list[PreferencePair] = []
    left: list[Rejection] = []
    for fold in range(folds):
        own = replace(data, split=replace(data.split, fold=fold))
        assigned = assign_splits(found.pairs, prompts, grouping, own.split)
        members = {p.pair_id for p, split in zip(found.pairs, assigned, strict=True) if split == "heldout"}
        placed, reviewed, gone = _place(own, found, prompts, grouping)
        for split in ("train", "heldout"):
            if not placed[split]:
                raise DataError(
                    f"fold {fold} has no pairs to {'train on' if split == 'train' else 'judge'}: {len(found.pairs):,} "
                    f"pairs in {len(set(grouping.names)):,} groups are too few for data.split.folds={folds}; lower it "
                    "or give more data"
                )
        splits[fold_name(fold)] = placed["heldout"]
        disputed += placed["disputed"]
        review += [pair for pair in reviewed if pair.pair_id in members]
        left += [rejection for rejection in gone if rejection.pair_id in members]
    return {**splits, "disputed": tuple(disputed)}, review, left


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
        if share > 0 and name in splits and not splits[name]:
            groups = len(set(grouping.names))
            warnings.append(f"{name} is empty: {groups:,} groups are too few for data.split.{name}={share}")
    for name in ("validation", "heldout"):
        judged = {found.source_of(pair) for pair in splits.get(name, ())}
        missing = [source for source in found.tallies if source not in judged]
        if judged and missing:
            warnings.append(
                f"{name} holds no pair of {', '.join(missing)}: nothing there tells how well they are learnt"
            )
    if data.stream:
        warnings.append(
            "data.stream: near-duplicate prompts were not looked for among the rows; that the splits share nothing is "
            "proved of equal prompts and given groups alone"
        )
    if grouping.cut:
        warnings.append(
            f"{len(grouping.cut):,} near-duplicate links were cut, because the united group would have held more "
            "than 2% of the pairs; held-out pairs tied to train by one went to review"
        )
    warnings += [warning for name, tally in found.tallies.items() for warning in _leaning(name, tally)]
    return warnings


def _two_ways(sources: Sequence[Source]) -> Iterator[str]:
    """Warn of prompts that are equal and do not look so."""
    ids = [source.name for source in sources if source.data.format in TOKEN_FORMATS]
    if ids and len(ids) < len(sources):
        yield (
            f"{', '.join(ids)}: token ids decode to the prompt with its template; the same prompt as text in another "
            "source is not recognised, and may stand in another split"
        )


def _leaning(source: str, tally: Tally) -> Iterator[str]:
    """Warn where one position wins far more often than the other."""
    first, second = tally.labels["first"], tally.labels["second"]
    # Formats with a chosen column have no second: there is no position to lean to.
    if second and abs(first - second) > 5 * sqrt(first + second) and max(first, second) > 0.6 * (first + second):
        side = "first" if first > second else "second"
        share = max(first, second) / (first + second)
        whose = f" of {source}" if source else ""
        yield f"labels{whose} lean to the {side} candidate ({share:.1%}): position may tell the label"
