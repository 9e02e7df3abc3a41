"""Named sets of texts to score and audit: pairs of a split, a part of one, other data, or samples without pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from rmx.config.keys import renamed_keys
from rmx.config.nearest import did_you_mean
from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Rejection
from rmx.data.given_tokens import GivenTokens
from rmx.data.groups import Prompted, index_prompts
from rmx.data.ledger import Ledger
from rmx.data.near_duplicates import near_duplicate_links
from rmx.data.overlap import Overlap
from rmx.data.prepare import prepare
from rmx.data.prepared import Prepared
from rmx.data.samples import SampledPrompt, SamplesSpec, read_samples
from rmx.data.split import in_fold
from rmx.data.turns import said
from rmx.domain import PreferencePair
from rmx.errors import ConfigError, DataError

__all__ = ["RESERVED", "Slice", "SliceSpec", "SliceWhere", "build_slice"]

_SPLITS = ("validation", "heldout", "disputed")
RESERVED: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in _SPLITS},
    "length_matched": ("heldout", "data"),
    "fresh_policy": ("data",),
    "samples": ("samples",),
}
"""Slice names that audits and gates know, and where such a slice may come from."""


_FIELDS = tuple(f.name for f in fields(DataConfig))
_POLICY_TAGS = ("chosen_policy", "rejected_policy")


@dataclass(frozen=True)
class SliceWhere:
    """Which pairs belong to the slice: those that meet every condition."""

    length_ratio_within: float | None = None
    """Largest |log(chosen length / rejected length)|, in characters."""
    longer_chosen: bool | None = None
    """Whether the chosen side is the longer one, in characters; neither holds of equal lengths."""
    agreement_at_least: float | None = None
    agreement_below: float | None = None
    policies: list[str] | None = None
    """Policies of which at least one side is (tags chosen_policy and rejected_policy)."""
    tags: dict[str, Any] = field(default_factory=dict)
    """Tag: the value, or a list of values, that it must have."""

    def __post_init__(self) -> None:
        if self.length_ratio_within is not None and self.length_ratio_within < 0:
            raise ValueError("length_ratio_within must not be negative")

    def __call__(self, pair: PreferencePair) -> bool:
        """Return whether the pair belongs to the slice."""
        if self.length_ratio_within is not None:
            ratio = abs(math.log(len(said(pair.chosen)) / len(said(pair.rejected))))
            if ratio > self.length_ratio_within:
                return False
        if self.longer_chosen is not None:
            longer, shorter = (pair.chosen, pair.rejected) if self.longer_chosen else (pair.rejected, pair.chosen)
            if len(said(longer)) <= len(said(shorter)):
                return False
        if self.policies is not None and not {pair.tags.get(t) for t in _POLICY_TAGS} & set(self.policies):
            return False
        if self.agreement_at_least is not None and pair.agreement < self.agreement_at_least:
            return False
        if self.agreement_below is not None and pair.agreement >= self.agreement_below:
            return False
        return all(pair.tags.get(tag) in _values(wanted) for tag, wanted in self.tags.items())


@dataclass(frozen=True)
class SliceSpec:
    """One entry of the `slice` node, `from` apart (a Python keyword)."""

    data: dict[str, Any] = field(default_factory=dict)
    """For `from: data`: fields of the data configuration. With a `format` of its own the slice stands alone; without
    one, the fields vary the run's own data (another file, another policy of the same world)."""
    where: SliceWhere = field(default_factory=SliceWhere)


@dataclass(frozen=True)
class Slice:
    """Pairs, or samples without pairs, to score and audit, and what they share with train."""

    name: str
    pairs: tuple[PreferencePair, ...]
    source: str
    """validation, heldout, disputed, data or samples."""
    overlap: Overlap | None
    """Pairs, distinct prompts (word for word) and groups whose prompts stand in train, exactly or nearly; None where
    train is not known."""
    available: int
    """Pairs before `where`, or prompts with samples."""
    ledger: Ledger | None = None
    """Of the slice's own data, for `from: data`."""
    rejections: tuple[Rejection, ...] = ()
    """What left, from the slice's own data and since."""
    samples: tuple[SampledPrompt, ...] = ()
    """For `from: samples`, which has no pairs."""
    max_length: int | None = None
    """Tokens that a text may have, where the slice's own data say so; null: as many as in the run's data."""

    def drop(self, rejections: Iterable[Rejection]) -> Self:
        """Return the slice without the pairs, or sampled prompts, that rendering rejects; they join `rejections`.

        Raises:
            DataError: nothing would be left.
        """
        gone = {r.pair_id: r for r in rejections}
        if not gone:
            return self
        pairs = tuple(p for p in self.pairs if p.pair_id not in gone)
        samples = tuple(s for s in self.samples if s.prompt_id not in gone)
        if not pairs and not samples:
            first = next(iter(gone.values()))
            count = f"{len(self.samples):,} prompts" if self.samples else f"{len(self.pairs):,} pairs"
            raise DataError(
                f"slice.{self.name}: all {count} leave as {first.reason}, first {first.origin.file} "
                f"row {first.origin.row} ({first.detail}); raise data.max_length or leave the slice out"
            )
        return replace(self, pairs=pairs, samples=samples, rejections=(*self.rejections, *gone.values()))


def build_slice(
    name: str,
    spec: Mapping[str, Any],
    prepared: Prepared | None,
    data: DataConfig,
    *,
    cache: Path | None = None,
    tokens: GivenTokens | None = None,
) -> Slice:
    """Build a slice from its configuration.

    Args:
        name: the slice's name; reserved ones restrict where the pairs may come from.
        spec: `from` (validation, heldout, disputed, data or samples; a reserved split name implies it), and `data` and
            `where`, or the fields of `SamplesSpec`.
        prepared: the run's data; None where the scorer was not trained here.
        data: the run's data configuration, which `spec["data"]` varies.
        cache: as for `prepare`, as is the next.
        tokens: reads rows of token ids.

    Raises:
        ConfigError: unknown or contradictory parameters.
        DataError: the slice's data cannot be used, or no pair is left.
    """
    source, rest = _source(name, spec)
    train = prepared.splits["train"] if prepared is not None else None
    if source == "samples":
        samples = build_strict(SamplesSpec, rest, where=f"slice.{name}")
        read = read_samples(name, samples, data, prepared)
        if samples.pairs is None:  # else they are the fold's own
            read = in_fold(read, data.split)
        unanswered = [Rejection(s.prompt_id, s.origin, *s.problem) for s in read if s.problem is not None]
        shared = None if train is None else _overlap(read, train, data)
        return Slice(name, (), source, shared, len(read), samples=read).drop(unanswered)
    parsed = build_strict(SliceSpec, rest, where=f"slice.{name}")
    if parsed.data and source != "data":
        raise ConfigError(f"slice.{name}.data is only for from=data, not from={source}; drop one of them")
    ledger: Ledger | None = None
    rejections: tuple[Rejection, ...] = ()
    max_length: int | None = None
    if source == "data":
        resolved = _slice_data(name, parsed.data, data)
        max_length = resolved.max_length if "max_length" in parsed.data else None
        try:
            own = prepare(resolved, cache=cache, tokens=tokens)
        except (ConfigError, DataError) as error:
            raise type(error)(f"slice.{name}: {renamed_keys(str(error), f'slice.{name}.data', _FIELDS)}") from None
        available = own.splits["train"]
        ledger, rejections = own.ledger, own.rejections
    elif prepared is None:
        raise ConfigError(f"slice.{name}: from={source} needs the run's own data; use from=data with slice.{name}.data")
    else:
        available = prepared.splits[source]
    pairs = tuple(p for p in available if parsed.where(p))
    # Of a cross-fit another fold may have some.
    if not pairs and data.split.fold is None:
        raise DataError(
            f"slice.{name}: none of {len(available):,} pairs of {source} is left; loosen slice.{name}.where, "
            + ("set data.annotators=hold_out, " if source == "disputed" else "")
            + "or leave the slice out"
        )
    if source == "data":
        pairs = in_fold(pairs, data.split)
    overlap = None if train is None else _overlap(pairs, train, data)
    return Slice(name, pairs, source, overlap, len(available), ledger, rejections, max_length=max_length)


def _source(name: str, spec: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return where the slice comes from, and the rest of its configuration."""
    rest = dict(spec)
    source = rest.pop("from", name if name in (*_SPLITS, "samples") else None)
    known = (*_SPLITS, "data", "samples")
    if source is None:
        raise ConfigError(f"slice.{name}.from: missing value; give one of {', '.join(known)}")
    if source not in known:
        raise ConfigError(f"slice.{name}.from={source} is not known; {did_you_mean(str(source), known)}")
    if source not in RESERVED.get(name, known):
        raise ConfigError(
            f"slice.{name}.from={source}: the name is reserved for from={' or '.join(RESERVED[name])}; "
            "give the slice another name"
        )
    return source, rest


def _slice_data(name: str, override: Mapping[str, Any], data: DataConfig) -> DataConfig:
    for key, why in (
        ("split", "a slice is not split"),
        ("ties", "a tie has no side to judge by"),
        ("stream", "a slice is read whole; bound it by data.limit"),
    ):
        if key in override:
            raise ConfigError(f"slice.{name}.data.{key}: {why}; drop it")
    alone = "format" in override or "sources" in override
    if data.sources and not alone:
        raise ConfigError(
            f"slice.{name}.data.format: missing value; the run's data are a mixture, which says of no other data what "
            "they are"
        )
    base = DataConfig(name=name) if alone else data
    elsewhere = any(override.get(key) is not None for key in ("path", "hub", "format"))
    if elsewhere and override.get("label_source") is None:
        # Whose labels the run's own data have says nothing of these, and a gate asks for people's.
        override = {**override, "label_source": "unknown"}
    world = {**base.world, **(override.get("world") or {})}
    merged = {
        **asdict(base),
        **override,
        "world": world,
        "ties": "reject",
        "stream": False,
        "split": {"validation": 0.0, "heldout": 0.0},
    }
    return build_strict(DataConfig, merged, where=f"slice.{name}.data")


def _overlap(pairs: Sequence[Prompted], train: Sequence[PreferencePair], data: DataConfig) -> Overlap:
    """Count what the slice shares with train: given groups, prompts word for word, near-duplicate prompts."""
    prompts = index_prompts((*train, *pairs))
    in_train = set(prompts.of_pair[: len(train)])
    of_slice = prompts.of_pair[len(train) :]
    close = set(in_train)
    if data.near_duplicates and not in_train.issuperset(of_slice):
        for link in near_duplicate_links(prompts.texts, data.near_duplicate_jaccard):
            for one, other in ((link.first, link.second), (link.second, link.first)):
                if one in in_train:
                    close.add(other)
    groups = {p.group for p in train}
    leaking = [p for p, n in zip(pairs, of_slice, strict=True) if n in close or p.group in groups]
    return Overlap(len(leaking), len(in_train & set(of_slice)), len({p.group for p in leaking}))


def _values(wanted: Any) -> list[str]:
    return [str(v) for v in wanted] if isinstance(wanted, list | tuple) else [str(wanted)]
