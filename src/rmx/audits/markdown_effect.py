"""A6ii: does setting the same words in markdown raise an answer's reward?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rmx.audits.edit_effect import EditEffect

__all__ = ["MarkdownEffect"]


@dataclass(frozen=True, kw_only=True)
class MarkdownEffect(EditEffect):
    """Mean reward gained by headings, bold and bullets around the same words, in standard deviations of the margin."""

    name: ClassVar[str] = "markdown_effect"
    probe: ClassVar[str] = "markdown"
    signs: ClassVar[Mapping[str, float]] = {"marked": 1.0, "plain": -1.0}
    trait: ClassVar[str] = "marked"
