"""The decoder layers of a transformers base model, whatever it calls them."""

from __future__ import annotations

from typing import Any

from torch import nn

from rmx.errors import ModelError

__all__ = ["decoder_layers"]


def decoder_layers(backbone: Any) -> nn.ModuleList:
    """Return the stack of layers, first to last.

    Raises:
        ModelError: The model has no list of as many modules as its config names layers.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    count = backbone.config.get_text_config().num_hidden_layers
    for module in backbone.modules():
        if not isinstance(module, nn.ModuleList) or len(module) != count:
            continue
        if all(isinstance(layer, GradientCheckpointingLayer) for layer in module):
            return module
    raise ModelError(f"{backbone.config.model_type}: no stack of {count} decoder layers found in it")
