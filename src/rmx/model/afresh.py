"""The same weights run afresh: past what is cached, and on request in the padded layout, the plain reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rmx.model.sequence_cache import past
from rmx.model.sequence_model import SequenceModel

__all__ = ["run_afresh"]


@contextmanager
def run_afresh(model: SequenceModel, *, pad: bool = False) -> Iterator[None]:
    """Let every sequence run through the backbone, in evaluation mode; what the model was is put back.

    Args:
        model: In any layout.
        pad: Run padded, with transformers' plain attention.
    """
    backbone: Any = model.backbone
    layout, training, attention = model.layout, model.training, backbone.config._attn_implementation
    model.eval()
    try:
        with past(model.caches()):
            if pad:
                model.layout = model.plain
                backbone.set_attn_implementation("eager")
            yield
    finally:
        if pad:
            backbone.set_attn_implementation(attention)
        model.layout = layout
        model.train(training)
