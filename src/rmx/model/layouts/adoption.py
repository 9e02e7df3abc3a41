"""Whether a backbone can run forests: asked of its configuration, then tried on a small one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from rmx.data.sequences import batch_tokens
from rmx.errors import ModelError
from rmx.model.decoder_layers import decoder_layers
from rmx.model.layouts.packed import Packed
from rmx.model.layouts.padded import padded
from rmx.model.tree_attention import TREE_ATTENTION

__all__ = ["adopt_trees"]

_TRIAL = ((1, 2, 3, 4), (1, 2, 5), (1, 2, 5, 6, 7), (8, 9))
"""Token sequences that share prefixes two levels deep."""

_BATCH_DEPENDENT_ROTARY = ("dynamic", "longrope")
"""Rotary variants whose frequencies depend on the longest position of the batch: no reward would stand alone."""

_ATTENTION_LAYERS = ("full_attention", "sliding_attention")


def adopt_trees(backbone: Any) -> Packed | str:
    """Give the backbone tree attention; return its layout, or leave it as it was and return why it cannot have it."""
    if reason := _unfit(backbone.config.get_text_config(), backbone):
        return reason
    trial = [np.array(t, np.int32) for t in _TRIAL]
    lengths = np.array([len(t) for t in trial])
    batch = batch_tokens(trial, np.arange(len(trial)), lengths).to(backbone.device)
    rows = torch.arange(1, len(batch.ids), 2, device=backbone.device)
    was_training, before = backbone.training, backbone.config._attn_implementation
    backbone.eval()
    layout = Packed(_last_mlp(backbone))
    try:
        with torch.no_grad():
            # The reference must run here, whatever device the configured implementation is for.
            backbone.set_attn_implementation("eager")
            expected = padded(backbone, batch, rows).float()
            backbone.set_attn_implementation(TREE_ATTENTION)
            found = layout(backbone, batch, rows).float()
        error = float((found - expected).norm() / expected.norm())
        bound = 0.03 if backbone.dtype == torch.bfloat16 else 1e-4
        reason = "" if error <= bound else f"its hidden states differ by {error:.1g} from the padded ones"
    except Exception as error:  # whatever a foreign architecture does with what it was not made for
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    finally:
        backbone.train(was_training)
    if reason:
        layout.release()
        backbone.set_attn_implementation(before)
        return reason
    return layout


def _last_mlp(backbone: Any) -> nn.Module | None:
    """Return the feed-forward module of the last layer, where there is a dense one of that name."""
    try:
        mlp = getattr(decoder_layers(backbone)[-1], "mlp", None)
    except ModelError:  # one saving less, no reason to pad
        return None
    # Experts are routed, and some return more than the output: they run whole.
    experts = mlp is not None and any("expert" in name or "router" in name for name, _ in mlp.named_modules())
    return None if experts else mlp


def _unfit(config: Any, backbone: Any) -> str:
    if not getattr(backbone, "_supports_attention_backend", False):
        return "its attention is not behind transformers' attention interface"
    if not all(getattr(module, "is_causal", True) for module in backbone.modules()):
        return "its attention is not causal"
    if foreign := sorted(set(getattr(config, "layer_types", None) or ()) - set(_ATTENTION_LAYERS)):
        return f"it has {foreign[0]} layers"
    if (kind := _rotary_kind(config)) in _BATCH_DEPENDENT_ROTARY:
        return f"its {kind} rotary embedding depends on the longest sequence of the batch"
    return ""


def _rotary_kind(config: Any) -> str | None:
    found = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    kinds = [p for p in found.values() if isinstance(p, dict)] or [found]
    named = [p.get("rope_type") or p.get("type") for p in kinds]
    return next((kind for kind in named if kind in _BATCH_DEPENDENT_ROTARY), None)
