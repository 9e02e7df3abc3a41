"""Tiny random models of real architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.data.small_tokenizers import small_tokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

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
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "head_dim": 8},
    "gpt2": {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0},
    "olmoe": {"num_experts": 4, "num_experts_per_tok": 2},
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2, "cls_token_id": 2, "sep_token_id": 3},
    "deberta-v2": {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "type_vocab_size": 0,
        "norm_rel_ebd": "layer_norm",
    },
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 32.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 32,
}
"""As Llama 3.2 stretches its positions, for a table of 128."""
PACKED = [
    "llama",
    "qwen2",
    "qwen3",
    "mistral",
    "gemma2",
    "gemma3_text",
    "phi",
    "phi3",
    "gpt_neox",
    "gpt2",
    "olmo2",
    "mixtral",
    "phimoe",
    "qwen2_moe",
    "qwen3_moe",
    "olmoe",
]
"""Architectures that run forests."""
ENCODERS = ["modernbert", "bert", "roberta", "deberta-v2", "distilbert", "electra"]
"""Architectures whose classifier pools for itself."""


def tiny_backbone(kind: str, **changes: Any) -> Any:
    """Return a base model of an architecture in float32, two layers deep, the same each time."""
    torch.manual_seed(0)
    return AutoModel.from_config(_config(kind, changes))


def tiny_causal_lm(kind: str, **changes: Any) -> Any:
    """Return the same with a language-model head."""
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(_config(kind, changes))


def save_tiny(kind: str, directory: Path, *, form: Any = None, **changes: Any) -> Path:
    """Write a model directory as it is published: a causal LM or an encoder, or another form; with a tokenizer."""
    tokenizer = encoder_tokenizer() if kind in ENCODERS else small_tokenizer()
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    common = {"max_position_embeddings": 1024, "initializer_range": 0.1}
    config = _config(kind, {**common, **special, **changes, "vocab_size": len(tokenizer)})
    config.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    # For some architectures transformers builds a tokenizer of their own from the same files, with further tokens.
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokenizer.save_pretrained(directory)
    config.vocab_size = len(tokenizer)
    torch.manual_seed(0)
    network = (form or (AutoModel if kind in ENCODERS else AutoModelForCausalLM)).from_config(config)
    network.save_pretrained(directory)
    return directory


def encoder_tokenizer() -> Any:
    """A small WordPiece tokenizer of single letters, as BERT's without its words, and without a chat template."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(i) for i in range(33, 127) if not chr(i).isupper()]
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters)]
    core = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.add_special_tokens(special)
    named = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=core, **named)


def _config(kind: str, changes: dict[str, Any]) -> Any:
    return AutoConfig.for_model(kind, **(_COMMON | _OWN.get(kind, {}) | changes))
