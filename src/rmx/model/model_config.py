"""What config.json says of a model: its architecture at the wanted depth, without chance, and the tokens it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rmx.errors import ConfigError, ModelError
from rmx.model.quiet import quiet_loading

__all__ = ["context_length", "read_config"]

_OFFSET_POSITIONS = frozenset(
    [
        *["camembert", "data2vec-text", "esm", "ibert", "longformer", "luke", "mpnet", "xmod"],
        *["roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"],
    ]
)
"""Architectures that count positions from the pad id on, so that the first rows of their table are never used."""


def read_config(directory: Path, *, layers: int | None = None) -> tuple[Any, int]:
    """Return the transformers config without cache, dropout and routing noise, cut to `layers`, and the layers it had.

    Raises:
        ConfigError: `layers` is out of range.
        ModelError: transformers does not know the architecture.
    """
    from transformers import AutoConfig

    try:
        with quiet_loading():
            config = AutoConfig.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{directory}/config.json: transformers cannot read it ({reason})") from error
    text = config.get_text_config()
    total = int(text.num_hidden_layers)
    if layers is not None:
        if not 1 <= layers <= total:
            raise ConfigError(
                f"model.layers={layers}: the model has {total} layers; choose 1 to {total}, or null for all"
            )
        text.num_hidden_layers = layers
        if getattr(text, "layer_types", None):
            text.layer_types = list(text.layer_types)[:layers]
    for part in (config, text):
        part.use_cache = False
        if getattr(part, "output_router_logits", False):
            part.output_router_logits = False
        for name, value in part.to_dict().items():
            if _is_noise(name, config.model_type) and isinstance(value, float):
                setattr(part, name, 0.0)
    return config, total


def _is_noise(name: str, model_type: str) -> bool:
    """Whether a field of a config bounds what training adds by chance; phimoe's router reads its as a threshold."""
    if "jitter" in name:
        return name == "input_jitter_noise" or model_type != "phimoe"
    return "dropout" in name or name.endswith("_pdrop")


def context_length(config: Any) -> int:
    """Return how many tokens a model can read; one billion where its config names no bound."""
    text = config.get_text_config()
    rows = int(getattr(text, "max_position_embeddings", None) or 10**9)
    return rows - (text.pad_token_id or 0) - 1 if config.model_type in _OFFSET_POSITIONS else rows
