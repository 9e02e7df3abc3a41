"""A random model of a stated shape with a real tokenizer, as a directory like any other's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rmx.errors import ConfigError
from rmx.model.cache import build_once
from rmx.model.classifier import anatomy

__all__ = ["random_weights"]

_SEED = 0
"""The weights are part of the model's identity: the job's seed sets head and adapter, not these."""


def random_weights(shape: Mapping[str, Any], tokenizer: Path, cache: Path) -> Path:
    """Return a directory with randomly initialised float32 weights and a copy of the tokenizer.

    Args:
        shape: Fields of the transformers config, `model_type` among them; the vocabulary is the tokenizer's.
        tokenizer: Directory of the tokenizer.
        cache: Directory for the weights, one per shape and tokenizer.

    Raises:
        ConfigError: The shape is not one that transformers knows.
        ModelError: It has no sequence classifier of the architecture.
    """
    if "model_type" not in shape:
        raise ConfigError("model.shape.model_type is missing; name the architecture, for example llama")
    identity = json.dumps([dict(shape), str(tokenizer), _SEED], sort_keys=True, default=str)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]

    def build(directory: Path) -> None:
        import torch
        from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer

        tok = AutoTokenizer.from_pretrained(tokenizer)
        special = {f"{name}_token_id": getattr(tok, f"{name}_token_id") for name in ("bos", "eos", "pad")}
        try:
            config = AutoConfig.for_model(**{"vocab_size": len(tok), **special, **shape})
            kind = AutoModelForCausalLM if anatomy(config).pools_last else AutoModel
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(_SEED)
                network = kind.from_config(config, dtype=torch.float32)
        except (TypeError, ValueError, KeyError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ConfigError(f"model.shape: transformers cannot build this architecture ({reason})") from error
        network.save_pretrained(directory)
        tok.save_pretrained(directory)

    return build_once(cache / "weights" / f"random-{shape['model_type']}-{digest}", build)
