"""Low-rank adapters by peft, on the backbone alone: the head stays outside and always trains."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rmx.config.schema import AdapterConfig
from rmx.errors import ConfigError, ModelError
from rmx.model.quantisation import is_quantised, weight_of

__all__ = [
    "adapter_disabled",
    "adapter_state",
    "add_adapter",
    "base_model",
    "has_adapter",
    "merged_state",
    "read_adapter",
    "write_adapter",
]

_KINDS = ("lora", "rslora", "dora", "qlora", "peft", "none")
_TENSORS = "adapter_model.safetensors"
_INSIDE = ".base_layer"
"""What peft calls the layer that it wraps."""
_SCALES = ".weight."
"""In the names of what unpacks a 4-bit weight."""


def add_adapter(backbone: nn.Module, adapter: AdapterConfig, *, seed: int) -> nn.Module:
    """Return the backbone with a new adapter that trains and everything else frozen; unchanged for kind `none`.

    LoRA: Hu et al. 2021, arXiv:2106.09685; rank-stabilised, scaled by alpha / √r: Kalajdzievski 2023, arXiv:2312.03732;
    DoRA: Liu et al. 2024, arXiv:2402.09353. `qlora` is LoRA on a backbone that was loaded in 4 bits.

    Args:
        backbone: A transformers base model; its layers are changed in place.
        adapter: Kind, rank, alpha, dropout, target modules.
        seed: Seeds the adapter's random half alone.

    Raises:
        ConfigError: Unknown kind, or targets that match no layer.
    """
    if adapter.kind not in _KINDS:
        raise ConfigError(f"adapter.kind={adapter.kind!r} is unknown; choose one of {', '.join(_KINDS)}")
    if adapter.kind == "peft":
        raise ConfigError("adapter.kind=peft makes no new adapter; read the one in adapter.source")
    if adapter.kind == "none":
        return backbone
    from peft import LoraConfig, TaskType, get_peft_model

    from rmx.model.lora_linear import fuse_lora

    # peft takes a text for a pattern of whole names, which one name never is.
    named = [adapter.targets] if isinstance(adapter.targets, str) else list(adapter.targets)
    targets = "all-linear" if named == ["all-linear"] else named
    config = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=adapter.r,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=targets,
        use_dora=adapter.kind == "dora",
        use_rslora=adapter.kind == "rslora",
    )
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers under a name of before
            torch.manual_seed(seed)
            wrapped: nn.Module = get_peft_model(backbone, config)
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        if "ParamWrapper" in reason:
            raise ConfigError(
                f"adapter.kind={adapter.kind}: experts of this backbone are no linear layers ({reason}); give "
                "adapter=lora, or linear layers in adapter.targets, such as [q_proj, v_proj]"
            ) from error
        raise ConfigError(f"adapter.targets={adapter.targets!r} fits no layer of the backbone ({reason})") from error
    fuse_lora(wrapped)
    return wrapped


def has_adapter(backbone: nn.Module) -> bool:
    """Return whether `add_adapter` put an adapter on the backbone."""
    return hasattr(backbone, "peft_config")


def base_model(backbone: nn.Module) -> Any:
    """Return the transformers base model, whether or not an adapter is on it."""
    return backbone.get_base_model() if has_adapter(backbone) else backbone  # type: ignore[operator]


@contextmanager
def adapter_disabled(backbone: nn.Module) -> Iterator[None]:
    """Let the backbone run as it was before an adapter was put on it; what trains stays as it is."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in backbone.modules() if isinstance(module, BaseTunerLayer)]
    before = [layer._disable_adapters for layer in layers]
    # Not peft's own `disable_adapter`: it turns requires_grad off and on again, for what was frozen on purpose too, and
    # between the micro-batches of a step, where data parallelism counts on the same parameters throughout.
    for layer in layers:
        layer._disable_adapters = True
    try:
        yield
    finally:
        for layer, disabled in zip(layers, before, strict=True):
            layer._disable_adapters = disabled


def merged_state(backbone: nn.Module) -> dict[str, Tensor]:
    """Return the weights of the plain base model with the adapter added in, under the base model's own names.

    4-bit weights are unpacked first. The backbone is left with exactly the bits it had.
    """
    if not has_adapter(backbone):
        return {name: tensor.detach() for name, tensor in backbone.state_dict().items()}
    from peft.tuners.tuners_utils import BaseTunerLayer

    base: Any = backbone.get_base_model()  # type: ignore[operator]
    merged: dict[str, Tensor] = {}
    for name, module in base.named_modules():
        if isinstance(module, BaseTunerLayer):
            # Experts are parameters of one module, each with a wrapper of its own around the one before.
            place = getattr(module, "parameter_name", "weight")
            merged[f"{_unwrapped(name)}.{place}"] = _merged_weight(module, place)
        elif is_quantised(module) and not name.endswith(_INSIDE):
            merged[f"{name}.weight"] = weight_of(module)
    for name, tensor in base.state_dict().items():
        plain = _unwrapped(name)
        if ".lora_" not in name and _SCALES not in plain and plain not in merged:
            merged[plain] = tensor.detach()
    return merged


def _unwrapped(name: str) -> str:
    """Return the name that a weight or module has without an adapter on it."""
    return name.replace(_INSIDE, "")


def _merged_weight(layer: Any, place: str) -> Tensor:
    inside = layer.get_base_layer()
    if is_quantised(inside):
        plain = weight_of(inside)
        update: Tensor = layer.get_delta_weight("default")
        return plain + update.to(plain)
    weight: Tensor = getattr(inside, place)
    before = weight.detach().clone()
    layer.merge(safe_merge=True)
    merged = weight.detach().clone()
    layer.unmerge()
    with torch.no_grad():
        weight.copy_(before)
    return merged


def adapter_state(
    backbone: nn.Module, prefix: str, task: str, trained: Mapping[str, Tensor]
) -> tuple[Any, Mapping[str, Tensor]]:
    """Return the adapter as peft would save it from a model with a head.

    Args:
        backbone: With an adapter.
        prefix: Name of the base model inside the model with the head.
        task: Of peft's TaskType, such as SEQ_CLS.
        trained: Weights of modules that trained whole beside the adapter, by their names in the model with the head.

    Returns:
        A LoraConfig that saves those modules, and its tensors by name.
    """
    from peft import TaskType, get_peft_model_state_dict

    put_on: Any = backbone.peft_config["default"]  # type: ignore[index]
    config = replace(
        put_on,
        task_type=TaskType[task],
        modules_to_save=sorted({name.partition(".")[0] for name in trained}) or None,
        inference_mode=True,
        target_modules=sorted(put_on.target_modules),
    )
    root = "base_model.model."
    state = {
        f"{root}{prefix}.{name.removeprefix(root)}": tensor.detach()
        for name, tensor in get_peft_model_state_dict(backbone).items()
    }
    return config, {**state, **{f"{root}{name}": weight.detach() for name, weight in trained.items()}}


def read_adapter(network: nn.Module, directory: Path) -> None:
    """Put an adapter that `write_adapter` wrote on a model of the class that it is for; its layers change in place.

    peft's own loading asks the hub, and waits for it, even where all files are local.

    Raises:
        ModelError: It cannot be read or does not fit.
    """
    from peft import PeftConfig, get_peft_model, set_peft_model_state_dict

    from rmx.model.lora_linear import fuse_lora

    try:
        config = PeftConfig.from_pretrained(str(directory), local_files_only=True)
        tensors = load_file(directory / _TENSORS)
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers under a name of before
            wrapped = get_peft_model(network, config)
        told = set_peft_model_state_dict(wrapped, tensors)
        if unfit := told.unexpected_keys:
            raise ValueError(f"no place for {unfit[0]}")
        if lacking := [name for name in told.missing_keys if ".lora_" in name]:
            raise ValueError(f"it lacks {lacking[0]}")
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{directory}: the adapter does not fit its base ({reason}); export it again") from error
    fuse_lora(wrapped)


def write_adapter(target: Path, config: Any, state: Mapping[str, Tensor], base: str) -> None:
    """Write what `adapter_state` gave as a directory of peft; `base` is what its reader gives to from_pretrained."""
    config.base_model_name_or_path = base
    config.save_pretrained(target)
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
    save_file(tensors, target / _TENSORS, metadata={"format": "pt"})
