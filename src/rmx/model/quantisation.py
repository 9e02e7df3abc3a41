"""4-bit weights by bitsandbytes, for QLoRA (Dettmers et al. 2023, arXiv:2305.14314): loaded so, and read back."""

from __future__ import annotations

import copy
import os
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from rmx.errors import ModelError

__all__ = ["four_bits", "is_quantised", "plain_config", "weight_of"]


def four_bits() -> dict[str, Any]:
    """Return the arguments that make transformers' `from_pretrained` load linear layers in 4 bits, onto this GPU.

    nf4 with double quantisation, products in bfloat16.

    Raises:
        ModelError: There is no CUDA device, or bitsandbytes is not installed.
    """
    if not torch.cuda.is_available():
        raise ModelError(
            "adapter.kind=qlora: 4-bit weights need an NVIDIA GPU and none is visible; "
            "run it there, or give adapter=lora with model.dtype=bfloat16"
        )
    if find_spec("bitsandbytes") is None:
        raise ModelError("adapter.kind=qlora: bitsandbytes is not installed; pip install 'rmx-reward[gpu]'")
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": config, "device_map": {"": int(os.environ.get("LOCAL_RANK", "0"))}}


def is_quantised(module: nn.Module) -> bool:
    """Return whether a layer's weight is packed in 4 bits."""
    return type(getattr(module, "weight", None)).__name__ == "Params4bit"


def weight_of(module: nn.Module) -> Tensor:
    """Return the weight of a linear layer, (out, in): unpacked, in the dtype that it was loaded in, where packed."""
    from peft.utils.integrations import dequantize_module_weight

    weight: Tensor = dequantize_module_weight(module)
    return weight.detach()


def plain_config(config: Any) -> Any:
    """Return a copy of a transformers config that says nothing of quantisation, for weights that are unpacked."""
    plain = copy.deepcopy(config)
    for part in (plain, plain.get_text_config()):
        if hasattr(part, "quantization_config"):
            del part.quantization_config
    return plain
