"""The same weights run afresh: past the feature cache, and on request in the padded layout, the plain reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rmx.model.layouts.padded import padded
from rmx.model.reward_model import RewardModel
from rmx.model.trunk import FeatureCache

__all__ = ["run_afresh"]


@contextmanager
def run_afresh(model: RewardModel, *, pad: bool = False) -> Iterator[None]:
    """Let every sequence run through the backbone, in evaluation mode; what the model was is put back.

    Args:
        model: A reward model in any layout.
        pad: Run padded, with transformers' plain attention.
    """
    backbone: Any = model.backbone
    layout, training, attention = model.layout, model.training, backbone.config._attn_implementation
    model.eval()
    model.layout = layout.layout if isinstance(layout, FeatureCache) else layout
    try:
        if pad:
            model.layout = padded
            backbone.set_attn_implementation("eager")
        yield
    finally:
        if pad:
            backbone.set_attn_implementation(attention)
        model.layout = layout
        model.train(training)
