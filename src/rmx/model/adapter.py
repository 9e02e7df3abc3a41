"""Low-rank adapters by peft, on the backbone alone: the head stays outside and always trains."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rmx.config.schema import AdapterConfig
from rmx.errors import ConfigError

__all__ = ["adapter_state", "add_adapter", "has_adapter", "merged_state"]

_KINDS = ("lora", "dora", "none")


def add_adapter(backbone: nn.Module, adapter: AdapterConfig, *, seed: int) -> nn.Module:
    """Return the backbone with an adapter that trains and everything else frozen; unchanged for kind `none`.

    LoRA: Hu et al. 2021, arXiv:2106.09685; DoRA: Liu et al. 2024, arXiv:2402.09353.

    Args:
        backbone: A transformers base model; its layers are changed in place.
        adapter: Kind, rank, alpha, dropout, target modules.
        seed: Seeds the adapter's random half alone.

    Raises:
        ConfigError: Unknown kind, or targets that match no layer.
    """
    if adapter.kind not in _KINDS:
        raise ConfigError(f"adapter.kind={adapter.kind!r} is unknown; choose one of {', '.join(_KINDS)}")
    if adapter.kind == "none":
        return backbone
    from peft import LoraConfig, TaskType, get_peft_model

    from rmx.model.lora_linear import fuse_lora

    targets = adapter.targets if isinstance(adapter.targets, str) else list(adapter.targets)
    config = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=adapter.r,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=targets,
        use_dora=adapter.kind == "dora",
    )
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers under a name of before
            torch.manual_seed(seed)
            wrapped: nn.Module = get_peft_model(backbone, config)
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"adapter.targets={adapter.targets!r} fits no layer of the backbone ({reason})") from error
    fuse_lora(wrapped)
    return wrapped


def has_adapter(backbone: nn.Module) -> bool:
    """Return whether `add_adapter` put an adapter on the backbone."""
    return hasattr(backbone, "peft_config")


def merged_state(backbone: nn.Module) -> dict[str, Tensor]:
    """Return the weights of the plain base model with the adapter added in, under the base model's own names.

    The backbone is left with exactly the bits it had.
    """
    if not has_adapter(backbone):
        return {name: tensor.detach() for name, tensor in backbone.state_dict().items()}
    from peft.tuners.tuners_utils import BaseTunerLayer

    base: Any = backbone.get_base_model()  # type: ignore[operator]
    merged: dict[str, Tensor] = {}
    for name, module in base.named_modules():
        if isinstance(module, BaseTunerLayer):
            weight: Tensor = module.get_base_layer().weight
            before = weight.detach().clone()
            module.merge(safe_merge=True)
            merged[f"{name}.weight"] = weight.detach().clone()
            module.unmerge()
            with torch.no_grad():
                weight.copy_(before)
    for name, tensor in base.state_dict().items():
        plain = name.replace(".base_layer.", ".")
        if ".lora_" not in name and plain not in merged:
            merged[plain] = tensor.detach()
    return merged


def adapter_state(backbone: nn.Module, prefix: str, head: Tensor) -> tuple[Any, Mapping[str, Tensor]]:
    """Return the adapter as peft would save it from a sequence-classification model, head included.

    Args:
        backbone: With an adapter.
        prefix: Name of the base model inside the classification model.
        head: Weight of the scalar head, (1, hidden).

    Returns:
        A LoraConfig of task SEQ_CLS that saves the module `score`, and its tensors by name.
    """
    from peft import TaskType, get_peft_model_state_dict

    trained: Any = backbone.peft_config["default"]  # type: ignore[index]
    config = replace(
        trained,
        task_type=TaskType.SEQ_CLS,
        modules_to_save=["score"],
        inference_mode=True,
        target_modules=sorted(trained.target_modules),
    )
    root = "base_model.model."
    state = {
        f"{root}{prefix}.{name.removeprefix(root)}": tensor.detach()
        for name, tensor in get_peft_model_state_dict(backbone).items()
    }
    return config, {**state, f"{root}score.weight": head.detach()}
