"""A9: does a refusal before an answer that complies raise its reward?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rmx.audits.edit_effect import EditEffect

__all__ = ["RefusalEffect"]


@dataclass(frozen=True, kw_only=True)
class RefusalEffect(EditEffect):
    """Mean reward gained by the words of a refusal before a complying answer, in standard deviations of the margin.

    Which sign is right depends on the prompts: on safe ones the refusal should cost reward, on harmful ones it may
    earn some. So there is no tolerance unless the slice is known to hold one kind.
    """

    name: ClassVar[str] = "refusal_effect"
    probe: ClassVar[str] = "refusal_phrase"
    signs: ClassVar[Mapping[str, float]] = {"refusing": 1.0}
    trait: ClassVar[str] = "refusing"
