"""Many completions per prompt: from files, from the comparisons of a split, or drawn by a synthetic world."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rmx.config.nearest import did_you_mean
from rmx.config.schema import DataConfig
from rmx.data.candidate_groups import candidate_groups
from rmx.data.files import expand_paths, file_rows
from rmx.data.groups import group_pairs, index_prompts
from rmx.data.prepared import Prepared
from rmx.data.sampled import SampledPrompt, by_prompt, rated
from rmx.domain import LabelSource, Origin
from rmx.errors import ConfigError, DataError

__all__ = ["SampledPrompt", "SamplesSpec", "read_samples"]

Row = tuple[Origin, Mapping[str, Any]]


@dataclass(frozen=True)
class SamplesSpec:
    """Where samples come from: files, else the comparisons of a split, else the run's own synthetic world."""

    path: Any = None
    """File, list of files or glob. A row has `prompt` (text or messages) and `completion`, or `completions` (a list);
    optional are `gold` (a number, or a list of them), `group` and `id`. What `rmx.sample` writes is such a file."""
    ratings: Any = None
    """File, list of files or glob with gold rewards that were given later, rows of `prompt`, `completion`, `gold`: a
    run's review/to_rate.jsonl, filled in."""
    gold_column: str = "gold"
    """Column of `ratings` that holds them; `rewards` of what `rmx.rerank` wrote takes another reward's as gold."""
    pairs: str | None = None
    """validation or heldout: the completions that the run's own comparisons have there, with their labels as gold."""
    reference: str | None = None
    """Of pairs: the policy that all completions are compared with; its own are worth one half."""
    at_least: int = 1
    """Of pairs: distinct completions without which a prompt leaves."""
    label_source: LabelSource | None = None
    """Whose judgement gold rewards are: human, model, gold (a reward held to be true) or unknown. If not given, of a
    world gold, of pairs the data's own, of files unknown."""
    world: dict[str, Any] = field(default_factory=dict)
    """Parameters that vary the run's own world, for example another `start` or `policy`."""
    prompts: int = 100
    """Of a world: how many prompts."""
    per_prompt: int = 32
    """Of a world: answers drawn for each."""

    def __post_init__(self) -> None:
        for name in ("prompts", "per_prompt", "at_least"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.pairs is not None and self.path is not None:
            raise ValueError("pairs and path are two sources; drop one of them")
        if self.pairs not in (None, "validation", "heldout"):
            raise ValueError(f"pairs must be validation or heldout, not {self.pairs}")


def read_samples(
    name: str, spec: SamplesSpec, data: DataConfig, prepared: Prepared | None = None
) -> tuple[SampledPrompt, ...]:
    """Return the sampled prompts of a slice, grouped as pairs are: by given group, prompt and near-duplicate prompts.

    Rows of one prompt are brought together, wherever they stand. A prompt that no policy could answer (a row with null
    for completions and a reason) is returned too, with its problem.

    Args:
        name: The slice's name, for messages.
        spec: The slice's configuration.
        data: The run's data configuration.
        prepared: The run's data, for `spec.pairs`.

    Raises:
        ConfigError: No source is named, or the world cannot be sampled.
        DataError: A file or row cannot be read; names it.
    """
    if spec.path is not None:
        rows: Iterable[Row] = (row for file in expand_paths(spec.path) for row in file_rows(file))
    elif spec.pairs is not None:
        if prepared is None:
            raise ConfigError(
                f"slice.{name}.pairs={spec.pairs} needs the run's own data; give files in slice.{name}.path"
            )
        rows = candidate_groups(prepared, spec.pairs, data, reference=spec.reference, at_least=spec.at_least)
    else:
        rows = _world_rows(name, spec, data)
    sampled = by_prompt(rows)
    if not sampled:
        raise DataError(f"slice.{name}: no samples; give files with rows in slice.{name}.path")
    if spec.ratings is not None:
        ratings = (row for file in expand_paths(spec.ratings) for row in file_rows(file))
        sampled = rated(sampled, ratings, spec.gold_column, slice=name)
    found = group_pairs(
        sampled, index_prompts(sampled), near_duplicates=data.near_duplicates, jaccard=data.near_duplicate_jaccard
    )
    own: LabelSource = "gold" if spec.path is None else "unknown"
    source = spec.label_source or (own if spec.pairs is None else _labellers(prepared, spec.pairs))
    return tuple(replace(s, group=group, label_source=source) for s, group in zip(sampled, found.names, strict=True))


def _labellers(prepared: Prepared | None, split: str) -> LabelSource:
    """Return who labelled the pairs of a split; unknown where sources of a mixture differ in it."""
    found = {pair.label_source for pair in prepared.splits[split]} if prepared is not None else set()
    return found.pop() if len(found) == 1 else "unknown"


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
