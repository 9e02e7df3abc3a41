"""Features of a frozen trunk kept in a file, so that several runs over the same texts compute them once."""

from __future__ import annotations

from pathlib import Path

import torch
import xxhash
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from rmx.errors import ModelError
from rmx.model.sequence_model import SequenceModel
from rmx.whole_file import whole_file

__all__ = ["keep_features", "recall_features"]

_TRUNK = "trunk"


def recall_features(model: SequenceModel, file: Path) -> None:
    """Let a model with a frozen trunk know what an earlier run kept, if there is such a file.

    Raises:
        ModelError: The file is damaged, or holds the features of other weights.
    """
    if not file.exists():
        return
    try:
        with safe_open(file, "pt") as kept:
            trunk = (kept.metadata() or {}).get(_TRUNK)
            state = {name: kept.get_tensor(name) for name in ("keys", "values")}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"model.features: {file} cannot be read ({error}); delete it") from None
    if trunk != _fingerprint(model.backbone):
        raise ModelError(f"model.features: {file} holds features of other weights; delete it, or name another file")
    for cache in model.caches():
        cache.restore(state)


def keep_features(model: SequenceModel, file: Path) -> None:
    """Write what the model knows; readers see the old file or the new one, never a part.

    Raises:
        RunError: It cannot be written.
    """
    for cache in model.caches():
        if cache.computed and (state := cache.state()):
            with whole_file(file) as partial:
                save_file(state, partial, metadata={_TRUNK: _fingerprint(model.backbone)})


def _fingerprint(backbone: nn.Module) -> str:
    """Return a hash of every weight: features are the same only of the same ones."""
    hashed = xxhash.xxh3_128()
    for name, tensor in sorted(backbone.state_dict().items()):
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hashed.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return hashed.hexdigest()
