"""Candidates, comparisons and score tables: thin frozen wrappers over Arrow tables in canonical row order."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rmx.domain import PreferencePair
from rmx.errors import DataError
from rmx.score_table.schema import (
    CANDIDATE_COLUMNS,
    COMPARISON_COLUMNS,
    PAIRWISE_COLUMNS,
    SCORE_COLUMNS,
    WHEN_NULL,
    candidate_id,
)
from rmx.score_table.view import ScoreView

__all__ = ["CandidateTable", "Comparisons", "ScoreTable"]


@dataclass(frozen=True)
class _Rows(ABC):
    """An Arrow table of a fixed schema, its rows sorted by their key, which no two rows share."""

    table: pa.Table
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints of what the rows came from (data, split, model, template); kept in the file."""

    key: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        table = self.table.select(self._schema().names).cast(self._schema()).combine_chunks()
        for name in WHEN_NULL.keys() & set(table.column_names):
            filled = table[name].fill_null(WHEN_NULL[name])
            table = table.set_column(table.schema.get_field_index(name), name, filled)
        table = table.sort_by([(name, "ascending") for name in self.key]).replace_schema_metadata(None)
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "metadata", dict(self.metadata))
        repeated = _first_repeated(table.select(list(self.key)))
        if repeated is not None:
            raise DataError(f"two rows share {', '.join(f'{n}={v}' for n, v in repeated.items())}; keep one of them")

    @abstractmethod
    def _schema(self) -> pa.Schema: ...

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, independent of file format, row order and library version."""
        sha = hashlib.sha256()
        for name in self.table.column_names:
            column = self.table[name]
            sha.update(f"{name}:{column.type}\n".encode())
            if pa.types.is_string(column.type):
                sha.update(json.dumps(column.to_pylist()).encode())
            else:
                sha.update(np.asarray(column.is_null()).tobytes())
                sha.update(np.ascontiguousarray(column.fill_null(0).to_numpy()).tobytes())
        return sha.hexdigest()

    def __len__(self) -> int:
        return int(self.table.num_rows)


def _first_repeated(keys: pa.Table) -> dict[str, Any] | None:
    """Return the first key that two neighbouring rows of a sorted table share."""
    if keys.num_rows < 2:
        return None
    same: Any = None
    for column in keys.columns:
        codes = column.combine_chunks().dictionary_encode()
        codes = np.asarray((codes.chunk(0) if isinstance(codes, pa.ChunkedArray) else codes).indices.fill_null(-1))
        equal = codes[1:] == codes[:-1]
        same = equal if same is None else same & equal
    return keys.slice(int(np.argmax(same)), 1).to_pylist()[0] if same.any() else None


@dataclass(frozen=True)
class CandidateTable(_Rows):
    """One row per unique text and scorer (`CANDIDATE_COLUMNS`); an edited text once per source it was made from."""

    key: ClassVar[tuple[str, ...]] = ("slice", "candidate_id", "probe", "variant", "source_id", "scorer")

    def _schema(self) -> pa.Schema:
        return CANDIDATE_COLUMNS

    def of(self, scorer: str, *, probe: str = "") -> pa.Table:
        """Return the rows of one scorer: original texts, or the edited texts of a probe."""
        is_probe = pc.equal(self.table["probe"], probe)
        return self.table.filter(pc.and_(pc.equal(self.table["scorer"], scorer), is_probe))

    @property
    def scorers(self) -> tuple[str, ...]:
        """Names of the scorers, sorted."""
        return tuple(sorted(self.table["scorer"].unique().to_pylist()))

    @property
    def label_sources(self) -> tuple[str, ...]:
        """Whose judgements the gold rewards are, sorted; none where there is no gold reward."""
        known = self.table.filter(self.table["gold"].is_valid())
        return tuple(sorted(known["label_source"].unique().to_pylist()))


@dataclass(frozen=True)
class Comparisons(_Rows):
    """The static side of a slice (`COMPARISON_COLUMNS`): which candidate was chosen over which."""

    key: ClassVar[tuple[str, ...]] = ("slice", "pair_id")

    def _schema(self) -> pa.Schema:
        return COMPARISON_COLUMNS

    @classmethod
    def from_pairs(
        cls, pairs: Iterable[PreferencePair], *, slice: str, prompt_tokens: Mapping[str, int] | None = None
    ) -> Self:
        """Build from pairs whose groups are filled in; `prompt_tokens` maps pair_id to the length of its prompt.

        Votes become tag `votes`, a JSON list [for chosen, for rejected, ties].
        """
        lengths = prompt_tokens or {}
        rows = [
            {
                "pair_id": pair.pair_id,
                "group": pair.group,
                "slice": slice,
                "chosen_id": candidate_id(pair.prompt, pair.chosen),
                "rejected_id": candidate_id(pair.prompt, pair.rejected),
                "prompt_tokens": lengths.get(pair.pair_id),
                "agreement": pair.agreement,
                "strength": pair.strength,
                "label_source": pair.label_source,
                "tags": _tags(pair),
            }
            for pair in pairs
        ]
        return cls(pa.Table.from_pylist(rows, schema=COMPARISON_COLUMNS))


@dataclass(frozen=True)
class ScoreTable(_Rows):
    """Comparisons with the rewards of one or more scorers; `SCORE_COLUMNS`, or `PAIRWISE_COLUMNS` for a judge."""

    key: ClassVar[tuple[str, ...]] = ("slice", "pair_id", "scorer")

    def _schema(self) -> pa.Schema:
        return PAIRWISE_COLUMNS if "margin" in self.table.column_names else SCORE_COLUMNS

    @property
    def kind(self) -> Literal["scalar", "pairwise"]:
        """`pairwise` tables hold margins only: their scorer compares two texts and has no level."""
        return "pairwise" if "margin" in self.table.column_names else "scalar"

    @property
    def scorers(self) -> tuple[str, ...]:
        """Names of the scorers, sorted."""
        return tuple(sorted(self.table["scorer"].unique().to_pylist()))

    @property
    def label_sources(self) -> tuple[str, ...]:
        """Distinct sources of the labels, sorted."""
        return tuple(sorted(self.table["label_source"].unique().to_pylist()))

    def by_slice(self) -> dict[str, ScoreTable]:
        """Split into one table per slice, in order of name."""
        names = sorted(self.table["slice"].unique().to_pylist())
        return {n: ScoreTable(self.table.filter(pc.equal(self.table["slice"], n)), self.metadata) for n in names}

    def merge(self, *others: ScoreTable) -> ScoreTable:
        """Return one table with the rows of all, for example baselines beside the model.

        Raises:
            DataError: Two rows share a slice, pair and scorer, or kinds differ.
        """
        if any(other.kind != self.kind for other in others):
            raise DataError("scalar and pairwise score tables cannot be merged; call margins_only() on the scalar ones")
        return ScoreTable(pa.concat_tables([self.table, *(o.table for o in others)]), self.metadata)

    def margins_only(self) -> ScoreTable:
        """Return the table as a pairwise judge's: margins without levels."""
        if self.kind == "pairwise":
            return self
        margin = pc.subtract(self.table["chosen_reward"], self.table["rejected_reward"])
        return ScoreTable(self.table.append_column("margin", margin), self.metadata)

    def view(self, scorer: str = "model") -> ScoreView | None:
        """Return one scorer's rows as arrays, or None where it scored no pair; call on a table of one slice.

        Raises:
            DataError: The table holds several slices; split it with `by_slice` first.
        """
        if scorer not in self._views:
            self._views[scorer] = self._view(scorer)
        return self._views[scorer]

    @cached_property
    def _views(self) -> dict[str, ScoreView | None]:
        return {}

    def _view(self, scorer: str) -> ScoreView | None:
        rows = self.table.filter(pc.equal(self.table["scorer"], scorer))
        if rows.num_rows == 0:
            return None
        slices = rows["slice"].unique().to_pylist()
        if len(slices) > 1:
            raise DataError(f"slices {slices} in one score table; split it with by_slice() before looking at a scorer")
        names, codes = np.unique(rows["group"].to_numpy(), return_inverse=True)
        chosen = _floats(rows, "chosen_reward") if self.kind == "scalar" else None
        rejected = _floats(rows, "rejected_reward") if self.kind == "scalar" else None
        margins = _floats(rows, "margin") if chosen is None or rejected is None else chosen - rejected
        return ScoreView(
            slice=slices[0],
            scorer=scorer,
            pair_ids=rows["pair_id"].to_pylist(),
            group_codes=codes.astype(np.int64),
            group_names=names.tolist(),
            margins=margins,
            chosen=chosen,
            rejected=rejected,
            chosen_tokens=_lengths(rows, "chosen_tokens"),
            rejected_tokens=_lengths(rows, "rejected_tokens"),
            agreement=_floats(rows, "agreement"),
            strength=_floats(rows, "strength"),
            chosen_ids=rows["chosen_id"].to_pylist(),
            rejected_ids=rows["rejected_id"].to_pylist(),
            label_sources=rows["label_source"].to_pylist(),
            tags_json=rows["tags"].to_pylist(),
        )


def _tags(pair: PreferencePair) -> str:
    tags = dict(pair.tags) if pair.votes is None else {**pair.tags, "votes": json.dumps(list(pair.votes))}
    return json.dumps(tags, sort_keys=True, ensure_ascii=False) if tags else ""


def _floats(rows: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(rows[name].fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _lengths(rows: pa.Table, name: str) -> NDArray[np.int64] | None:
    if rows[name].null_count:
        return None
    lengths = np.asarray(rows[name].to_numpy(), dtype=np.int64)
    return lengths if (lengths > 0).all() else None
