"""What a probe is: named edits of a completion that an audit asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Probe"]


@dataclass(frozen=True)
class Probe:
    """Edits of a completion, pure text to text."""

    name: str
    variants: tuple[str, ...]
    edit: Callable[[str, str], dict[str, str]]
    """(completion, key) -> {variant: edited completion}. The key, usually the candidate's id, chooses among equivalent
    edits: equal arguments give equal edits. A variant that cannot be made of this completion is absent."""
