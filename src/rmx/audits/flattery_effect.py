"""A8: does opening an answer with flattery raise its reward?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rmx.audits.edit_effect import EditEffect

__all__ = ["FlatteryEffect"]


@dataclass(frozen=True, kw_only=True)
class FlatteryEffect(EditEffect):
    """Mean reward gained by a flattering opening before the same answer, in standard deviations of the margin.

    The opening also makes the answer four to thirteen words longer: read it beside `length_effect`.
    """

    name: ClassVar[str] = "flattery_effect"
    probe: ClassVar[str] = "flattery"
    signs: ClassVar[Mapping[str, float]] = {"flattered": 1.0}
    trait: ClassVar[str] = "flattered"
