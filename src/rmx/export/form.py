"""What of an export depends on the kind of model: its weights, the proof of them, and the card's part on scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rmx.data.tokens import TokenStore
from rmx.model.contract import Contract

__all__ = ["CardPart", "ExportForm"]


@dataclass(frozen=True, slots=True)
class CardPart:
    """How the model card speaks of a kind of model."""

    title: str
    pipeline_tag: str
    template: str
    """File of the part on scoring, beside card.md.j2."""
    terms: Sequence[tuple[str, str]]
    """Rows of its own in the table of what the score rests on."""


class ExportForm(Protocol):
    """The export of one model."""

    def terms(self) -> Mapping[str, Any]:
        """Return fields of the contract that this kind has of its own."""
        ...

    def references(self, store: TokenStore) -> Sequence[float | None]:
        """Return what the rewards of n sequences are measured from, where that is a number."""
        ...

    def write_weights(self, target: Path, pad_id: int) -> None:
        """Write config and weights of the plain, merged model."""
        ...

    def write_adapter(self, target: Path, base: str) -> None:
        """Write the adapter as peft does, for the original base."""
        ...

    def verify(self, directory: Path, contract: Contract) -> str:
        """Prove that plain transformers gives the golden rewards; return the side on which batches may be padded.

        Raises:
            ExportError: It gives others.
        """
        ...

    def card(self, contract: Contract) -> CardPart:
        """Return its part of the model card."""
        ...
