"""torch.compile, one decoder layer at a time: all layers share the code that is compiled, and start-up stays short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rmx.model.decoder_layers import decoder_layers

__all__ = ["compile_layers"]


def compile_layers(backbone: Any, *, backend: str | Callable[..., Any] = "inductor") -> None:
    """Let every decoder layer of a transformers base model run compiled, for any number of tokens.

    Args:
        backbone: The base model, maybe with an adapter in its layers.
        backend: Of torch.compile; inductor needs a C++ compiler, or on a GPU Triton.

    Raises:
        ModelError: Its layers are not found.
    """
    # All layers must look alike to the compiler: behind frozen embeddings the first one's input would have no gradient.
    backbone.enable_input_require_grads()
    for layer in decoder_layers(backbone):
        layer.compile(dynamic=True, backend=backend)
