"""Many completions per prompt, none compared with another: from files, or drawn by a synthetic world."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rmx.config.nearest import did_you_mean
from rmx.config.schema import DataConfig
from rmx.data.expand.adapter import UnusableCell, prompt_turns, text_field
from rmx.data.files import expand_paths, file_rows
from rmx.data.groups import group_pairs, index_prompts
from rmx.domain import LabelSource, Message, Origin
from rmx.errors import ConfigError, DataError
from rmx.score_table import prompt_id

__all__ = ["SampledPrompt", "SamplesSpec", "read_samples"]

Row = tuple[Origin, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SampledPrompt:
    """One prompt and the completions drawn for it, repeats included."""

    prompt: tuple[Message, ...]
    completions: tuple[str, ...]
    gold: tuple[float | None, ...]
    """Gold reward of each completion, where it is known."""
    origin: Origin
    group: str = ""
    label_source: LabelSource = "unknown"
    """Whose judgement the gold rewards are."""

    @property
    def prompt_id(self) -> str:
        """The prompt's id in candidates tables."""
        return prompt_id(self.prompt)


@dataclass(frozen=True)
class SamplesSpec:
    """Where samples come from: files, else the run's own synthetic world."""

    path: Any = None
    """File, list of files or glob. A row has `prompt` (text or messages) and `completion`, or `completions` (a list);
    optional are `gold` (a number, or a list of them), `group` and `id`."""
    ratings: Any = None
    """File, list of files or glob with gold rewards that were given later, rows of `prompt`, `completion`, `gold`: a
    run's review/to_rate.jsonl, filled in."""
    label_source: LabelSource | None = None
    """Whose judgement gold rewards are: human, model, gold (a reward held to be true) or unknown; of a world gold, of
    files unknown, if not given."""
    world: dict[str, Any] = field(default_factory=dict)
    """Parameters that vary the run's own world, for example another `start` or `policy`."""
    prompts: int = 100
    """Of a world: how many prompts."""
    per_prompt: int = 32
    """Of a world: answers drawn for each."""

    def __post_init__(self) -> None:
        for name in ("prompts", "per_prompt"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


def read_samples(name: str, spec: SamplesSpec, data: DataConfig) -> tuple[SampledPrompt, ...]:
    """Return the sampled prompts of a slice, grouped as pairs are: by given group, prompt and near-duplicate prompts.

    Rows of one prompt are brought together, wherever they stand.

    Raises:
        ConfigError: No source is named, or the world cannot be sampled.
        DataError: A file or row cannot be read; names it.
    """
    if spec.path is not None:
        rows: Iterable[Row] = (row for file in expand_paths(spec.path) for row in file_rows(file))
    else:
        rows = _world_rows(name, spec, data)
    sampled = _by_prompt(rows)
    if not sampled:
        raise DataError(f"slice.{name}: no samples; give files with rows in slice.{name}.path")
    if spec.ratings is not None:
        sampled = _rated(sampled, (row for file in expand_paths(spec.ratings) for row in file_rows(file)))
    found = group_pairs(
        sampled, index_prompts(sampled), near_duplicates=data.near_duplicates, jaccard=data.near_duplicate_jaccard
    )
    source = spec.label_source or ("gold" if spec.path is None else "unknown")
    return tuple(replace(s, group=group, label_source=source) for s, group in zip(sampled, found.names, strict=True))


def _world_rows(name: str, spec: SamplesSpec, data: DataConfig) -> Iterator[Row]:
    # Worlds are drawn by name only when asked for: their parameters live beside them.
    from rmx.worlds import WORLDS

    if data.format != "synthetic" and "name" not in spec.world:
        raise ConfigError(f"slice.{name}.path: missing value; give files of samples (the data are no synthetic world)")
    parameters = {**(data.world if data.format == "synthetic" else {}), **spec.world}
    world = str(parameters.pop("name", "access_desk"))
    if world not in WORLDS:
        raise ConfigError(f"slice.{name}.world.name={world} is not known; {did_you_mean(world, WORLDS)}")
    draw = WORLDS[world].samples
    if draw is None:
        raise ConfigError(f"slice.{name}.world.name={world} draws no samples; give files in slice.{name}.path")
    rows = draw(parameters, spec.prompts, spec.per_prompt)
    return ((Origin(f"world:{world}", number), row) for number, row in enumerate(rows, start=1))


def _by_prompt(rows: Iterable[Row]) -> list[SampledPrompt]:
    found: dict[tuple[Message, ...], SampledPrompt] = {}
    ids: dict[str, Origin] = {}
    for origin, row in rows:
        if row.get("id") is not None:
            first = ids.setdefault(str(row["id"]), origin)
            if first is not origin:
                raise DataError(f"{_at(origin)}: id {row['id']!r} stands in {_at(first)} too; ids must differ")
        one = _sampled(origin, row)
        before = found.get(one.prompt)
        if before is not None:
            if before.group and one.group and before.group != one.group:
                raise DataError(
                    f"{_at(origin)}: group {one.group!r}, but {_at(before.origin)} has the same prompt in group "
                    f"{before.group!r}; a prompt has one group"
                )
            one = replace(
                before,
                completions=before.completions + one.completions,
                gold=before.gold + one.gold,
                group=before.group or one.group,
            )
        found[one.prompt] = one
    for sampled in found.values():
        _refuse_second_gold(sampled)
    return list(found.values())


def _rated(sampled: list[SampledPrompt], rows: Iterable[Row]) -> list[SampledPrompt]:
    """Return the samples with the gold rewards of rating rows; a row without a number rates nothing."""
    prompts = {one.prompt: dict(zip(one.completions, one.gold, strict=True)) for one in sampled}
    for origin, row in rows:
        rating = _sampled(origin, row)
        known = prompts.get(rating.prompt)
        for completion, gold in zip(rating.completions, rating.gold, strict=True):
            if known is None or completion not in known:
                raise DataError(f"{_at(origin)}: rates an answer that is no sample here; give the samples' own ratings")
            if gold is None:
                continue
            if known[completion] not in (None, gold):
                raise DataError(
                    f"{_at(origin)}: gold {gold} for a completion that has gold {known[completion]}; give it one"
                )
            known[completion] = gold
    return [replace(one, gold=tuple(prompts[one.prompt][c] for c in one.completions)) for one in sampled]


def _refuse_second_gold(sampled: SampledPrompt) -> None:
    known: dict[str, float | None] = {}
    for completion, gold in zip(sampled.completions, sampled.gold, strict=True):
        first = known.setdefault(completion, gold)
        if first != gold:
            raise DataError(
                f"{_at(sampled.origin)}: a completion of this prompt stands twice, with gold {first} and {gold}; "
                "give equal completions one gold reward"
            )


def _sampled(origin: Origin, row: Mapping[str, Any]) -> SampledPrompt:
    several = row.get("completions") is not None
    column = "completions" if several else "completion"
    for name in ("prompt", column):
        if row.get(name) is None:
            have = ", ".join(map(str, row))
            raise DataError(f"{_at(origin)}: no {name} (columns: {have}); give prompt and completion or completions")
    try:
        prompt = prompt_turns(origin, row, "prompt")
        if several:
            listed = row[column]
            completions = tuple(listed) if isinstance(listed, list | tuple) else ()
            if not completions or not all(isinstance(c, str) for c in completions):
                raise UnusableCell("invalid_text", "column 'completions' needs a list of texts")
        else:
            completions = (text_field(origin, row, column, column),)
    except UnusableCell as error:
        raise DataError(f"{_at(origin)}: {error}; mend or remove the row") from None
    return SampledPrompt(
        prompt, completions, _golds(origin, row.get("gold"), len(completions)), origin, str(row.get("group") or "")
    )


def _golds(origin: Origin, value: Any, count: int) -> tuple[float | None, ...]:
    values: Sequence[Any] = value if isinstance(value, list | tuple) else [value] * count
    if len(values) != count:
        raise DataError(f"{_at(origin)}: {len(values)} gold rewards for {count} completions; give one for each")
    if count > 1 and value is not None and not isinstance(value, list | tuple):
        raise DataError(f"{_at(origin)}: one gold reward for {count} completions; give a list with one for each")
    return tuple(_gold(origin, v) for v in values)


def _gold(origin: Origin, value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise DataError(f"{_at(origin)}: gold is {value!r}, not a finite number; mend or remove it")
    return number


def _at(origin: Origin) -> str:
    return f"{origin.file} row {origin.row}"
