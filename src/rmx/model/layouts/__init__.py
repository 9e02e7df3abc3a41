"""How sequences meet the hardware; every layout gives the same pooled states, and `padded` is the reference."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.errors import ConfigError
from rmx.model.layouts.padded import padded

__all__ = ["LAYOUTS", "Layout", "layout_named"]

Layout = Callable[[nn.Module, SequenceBatch], Tensor]
"""(backbone, batch of n sequences) -> the hidden state of each one's last token, (n, hidden)."""

LAYOUTS: dict[str, Layout] = {"padded": padded}


def layout_named(name: str) -> Layout:
    """Return a layout.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in LAYOUTS:
        raise ConfigError(f"batch.layout={name!r} is unknown; choose one of {', '.join(sorted(LAYOUTS))}")
    return LAYOUTS[name]
