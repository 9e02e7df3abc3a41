"""Label values as published, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rmx.config.strict import build_strict
from rmx.data.comparison import Label
from rmx.errors import ConfigError

__all__ = ["LabelReader", "LabelValues", "majority"]


@dataclass(frozen=True)
class LabelValues:
    """Which published values mean which label; any other value is an unknown label."""

    first: list[Any]
    second: list[Any]
    tie: list[Any] = field(default_factory=list)
    abstain: list[Any] = field(default_factory=list)


class LabelReader:
    """Maps a published label value to its meaning; 1, 1.0 and "1" are the same value, as are null and an empty cell."""

    def __init__(self, labels: Mapping[str, Any]) -> None:
        values = build_strict(LabelValues, labels, where="data.labels")
        self._meaning: dict[str, Label] = {}
        meanings: tuple[tuple[Label, Iterable[Any]], ...] = (
            ("first", values.first),
            ("second", values.second),
            ("tie", values.tie),
            ("abstain", values.abstain),
        )
        for label, published in meanings:
            for value in published:
                key = spell(value)
                if key in self._meaning:
                    raise ConfigError(f"data.labels gives {value!r} two meanings, {self._meaning[key]} and {label}")
                self._meaning[key] = label

    def __call__(self, value: Any) -> Label:
        """Return the meaning of a published value."""
        return self._meaning.get(spell(value), "unknown")


def spell(value: Any) -> str:
    """Return one spelling for equal label values of different types."""
    if value is None or value != value or value == "":
        return "null"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip().lower() if isinstance(value, bool) else str(value).strip()


def majority(votes: tuple[int, int, int]) -> Label:
    """Return the label that votes for (first, second, tie) make together: the side with more votes, if there is one."""
    first, second, tie = votes
    if first == second:
        return "undecided" if first else ("tie" if tie else "abstain")
    return "first" if first > second else "second"
