"""Gradient checkpointing: of each decoder layer only the input is kept, and it runs again in the backward.

Chen et al. 2016, arXiv:1604.06174; by transformers, which asks torch for either of its two implementations.
"""

from __future__ import annotations

from typing import Any

__all__ = ["checkpoint_layers"]


def checkpoint_layers(backbone: Any, *, reentrant: bool = False) -> None:
    """Let the layers of a transformers base model run again in the backward; values and gradients stay the same.

    Args:
        backbone: The base model, not yet wrapped by an adapter.
        reentrant: By torch's older implementation, a backward inside the backward.
    """
    # transformers renamed it; the old name is all that 5.3 has.
    enable = getattr(backbone, "activation_checkpointing_enable", None) or backbone.gradient_checkpointing_enable
    enable({"use_reentrant": reentrant})
    if reentrant:
        # It runs backward only through inputs that want a gradient, and frozen embeddings give none that does.
        backbone.enable_input_require_grads()
