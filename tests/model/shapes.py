"""Tiny random backbones of real architectures."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

VOCABULARY = 64
_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "use_cache": False,
    "attention_dropout": 0.0,
}
_OWN: dict[str, dict[str, Any]] = {
    "qwen3": {"head_dim": 8},
    "mistral": {"sliding_window": 5, "head_dim": 8},
    "gemma2": {"head_dim": 8, "sliding_window": 6, "query_pre_attn_scalar": 8},
    "gemma3_text": {"head_dim": 8, "sliding_window": 6, "layer_types": ["sliding_attention", "full_attention"]},
    "mixtral": {"num_local_experts": 4},
    # Layers that leave their window to the mask.
    "phimoe": {"num_local_experts": 4, "sliding_window": 5},
    "qwen2_moe": {"num_experts": 4, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 0},
}
PACKED = [
    *[
        "llama",
        "qwen2",
        "qwen3",
        "mistral",
        "gemma2",
        "gemma3_text",
        "phi",
        "phi3",
        "gpt_neox",
        "mixtral",
        "phimoe",
        "qwen2_moe",
    ]
]
"""Architectures that run forests."""


def tiny_backbone(kind: str, **changes: Any) -> Any:
    """Return a base model of an architecture in float32, two layers deep, the same each time."""
    torch.manual_seed(0)
    return AutoModel.from_config(_config(kind, changes))


def tiny_causal_lm(kind: str, **changes: Any) -> Any:
    """Return the same with a language-model head."""
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(_config(kind, changes))


def _config(kind: str, changes: dict[str, Any]) -> Any:
    return AutoConfig.for_model(kind, **(_COMMON | _OWN.get(kind, {}) | changes))
