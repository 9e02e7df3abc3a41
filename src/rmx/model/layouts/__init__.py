"""How sequences meet the hardware; every layout gives the same hidden states, and `padded` is the reference."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from rmx.config.ranges import LAYOUTS
from rmx.data.batch import SequenceBatch
from rmx.errors import ConfigError
from rmx.model.layouts.padded import padded

__all__ = ["Layout", "TokenLayout", "adopt_layout"]


class Layout(Protocol):
    """Reads what is pooled."""

    def __call__(self, backbone: nn.Module, batch: SequenceBatch, /) -> Tensor:
        """Return the hidden state of each sequence's last token, (n, hidden)."""
        ...


class TokenLayout(Protocol):
    """Reads any tokens; a layout of what is pooled where none are named."""

    def __call__(self, backbone: nn.Module, batch: SequenceBatch, rows: Tensor | None = None, /) -> Tensor:
        """Return the hidden states (m, hidden) of the tokens `rows`, int64 (m,), of `batch.ids`; None: the last."""
        ...


def adopt_layout(backbone: nn.Module, name: str) -> tuple[TokenLayout, str]:
    """Prepare a backbone for a layout of `rmx.config.ranges.LAYOUTS`; where it cannot take it, for `padded`.

    Args:
        backbone: A transformers base model, not yet wrapped by an adapter.
        name: `packed` or `padded`.

    Returns:
        The layout, and why it is not the one asked for; empty where it is.

    Raises:
        ConfigError: There is no layout of that name.
    """
    if name not in LAYOUTS:
        raise ConfigError(f"layout {name!r} is unknown; choose one of {', '.join(LAYOUTS)}")
    if name == "padded":
        return padded, ""
    # Only the packed layout needs transformers' registries, whose import takes a second.
    from rmx.model.layouts.adoption import adopt_trees

    found = adopt_trees(backbone)
    return (padded, found) if isinstance(found, str) else (found, "")
