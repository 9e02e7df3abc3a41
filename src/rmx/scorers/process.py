"""Kind `process`: scores of the steps of a completion as one reward, from a token classifier or from a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rmx.data.files import content_hash, expand_paths, file_rows
from rmx.domain import Candidate, Origin
from rmx.errors import DataError
from rmx.scorers.base import MISSING, Scored, TextScorer
from rmx.scorers.kind import ScorerKind, Surroundings
from rmx.scorers.table import row_key

__all__ = ["Aggregate", "Process", "StepTable", "aggregated"]

Aggregate = Literal["min", "product", "last", "mean"]


@dataclass(frozen=True, kw_only=True)
class Process(ScorerKind):
    """With `path` a file of step scores is read, else the token classifier that `reward` names scores the steps."""

    aggregate: Aggregate = "min"
    """What the reward is: the least step score, their product, the last, or their mean."""
    path: Any = None
    """File, list of files or glob; rows have candidate_id, or prompt and completion, and a list of step scores."""
    steps: str = "steps"
    """Column of the step scores."""
    split: str = "\n\n"
    """What stands between the steps of a completion; empty ones are left out."""
    separator: str = "\n"
    """What is written after each step; the step's score is read at its last token. It may be a special token."""
    form: Literal["auto", "conversational", "standard"] = "auto"
    """How the prompt is rendered: by the chat template, or as it is after the beginning token; `auto`: by the chat
    template where there is one."""
    label: int = 1
    """Of a classifier of several labels, the one whose probability is a step's score."""

    kind: ClassVar[str] = "process"

    def __post_init__(self) -> None:
        if not self.split or not self.separator:
            raise ValueError("split and separator must not be empty")
        if self.label < 0:
            raise ValueError("label must be at least 0")

    @property
    def reads_reward(self) -> bool:
        """Without a file, a token classifier."""
        return self.path is None

    @property
    def subject(self) -> str:
        """The file."""
        return "" if self.path is None else str(self.path)

    def load(self, around: Surroundings) -> TextScorer:
        """Return the scorer.

        Raises:
            DataError: A row without a key or without a list of numbers.
            ModelError: The classifier cannot be read, or has no such label.
        """
        if self.path is not None:
            return StepTable.read(self.path, self.steps, self.aggregate)
        from rmx.scorers.step_classifier import StepClassifier

        return StepClassifier(
            around.named_reward(),
            self.aggregate,
            split=self.split,
            separator=self.separator,
            form=self.form,
            label=self.label,
            device=around.device,
            max_tokens=around.max_tokens,
        )


def aggregated(steps: NDArray[np.float64], how: Aggregate) -> float:
    """Return one number for the scores of at least one step, (steps,)."""
    if how == "min":
        return float(steps.min())
    if how == "product":
        return float(steps.prod())
    return float(steps[-1] if how == "last" else steps.mean())


class StepTable:
    """Lists of step scores by candidate id."""

    def __init__(
        self, steps: Mapping[str, NDArray[np.float64]], aggregate: Aggregate, name: str, identity: str
    ) -> None:
        self.steps = steps
        self.aggregate: Aggregate = aggregate
        self.name = name
        self.identity = identity
        self.flags: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Any, column: str, aggregate: Aggregate) -> StepTable:
        """Read files of step scores.

        Raises:
            DataError: As `Process.load`, or two lists of one text.
        """
        files = expand_paths(path)
        found: dict[str, NDArray[np.float64]] = {}
        for file in files:
            for origin, row in file_rows(file):
                key, steps = row_key(row, origin), _numbers(row, column, origin)
                if not np.array_equal(found.setdefault(key, steps), steps, equal_nan=True):
                    raise DataError(f"{origin.file} row {origin.row}: candidate {key} had other steps before; keep one")
        described = repr((content_hash(files), column, aggregate)).encode()
        return cls(found, aggregate, str(path), f"steps/{hashlib.sha256(described).hexdigest()[:16]}")

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        """Return the rewards of n candidates; those that stand not in the file have the reason `missing`."""
        values = np.full(len(candidates), np.nan)
        reasons: dict[int, str] = {}
        for number, candidate in enumerate(candidates):
            steps = self.steps.get(candidate.candidate_id)
            if steps is None:
                reasons[number] = f"{MISSING}: no row of {self.name}"
            elif not len(steps):
                reasons[number] = "no_steps: its list is empty"
            else:
                values[number] = aggregated(steps, self.aggregate)
        return Scored(values, reasons)


def _numbers(row: Mapping[str, Any], column: str, origin: Origin) -> NDArray[np.float64]:
    value = row.get(column)
    try:
        listed = json.loads(value) if isinstance(value, str) else value
        if not isinstance(listed, list) or any(isinstance(v, bool) for v in listed):
            raise ValueError
        return np.array([float(v) for v in listed], np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"{origin.file} row {origin.row}: column {column!r} must hold a list of numbers, not {value!r}; "
            "mend the row or set scorer.process.steps"
        ) from None
