"""A5a: does making an answer longer without adding content raise its reward?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rmx.audits.edit_effect import EditEffect

__all__ = ["LengthEffect"]


@dataclass(frozen=True, kw_only=True)
class LengthEffect(EditEffect):
    """Mean reward gained by edits that change only the length, in standard deviations of the margin on the slice."""

    name: ClassVar[str] = "length_effect"
    probe: ClassVar[str] = "length"
    signs: ClassVar[Mapping[str, float]] = {"padded": 1.0, "compressed": -1.0}
    trait: ClassVar[str] = "longer"
