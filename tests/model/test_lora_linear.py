"""The fused LoRA layer against peft's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear
from tests.model.shapes import tiny_backbone
from torch import nn

from rmx.config.schema import AdapterConfig
from rmx.model.adapter import add_adapter
from rmx.model.lora_linear import FusedLoraLinear, fuse_lora


class Net(nn.Module):
    def __init__(self, *, bias: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.inner = nn.Linear(12, 7, bias=bias, dtype=dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def layers(*, bias: bool = True, dtype: torch.dtype = torch.float32, **changes: Any) -> tuple[Any, Any]:
    """Return the fused layer and peft's, with equal weights."""
    found = []
    for fused in (True, False):
        torch.manual_seed(0)
        config = LoraConfig(**{"r": 3, "lora_alpha": 5, "target_modules": ["inner"], **changes})
        net = get_peft_model(Net(bias=bias, dtype=dtype), config)
        layer = net.base_model.model.inner
        layer.lora_B["default"].weight.data.normal_()
        if fused:
            fuse_lora(net)
        found.append(layer)
    return found[0], found[1]


def outcome(layer: Any, x: torch.Tensor) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    layer.zero_grad()
    y = layer(x)
    weights = torch.linspace(-1, 1, y.numel()).view(y.shape)
    (y.float() * weights).sum().backward()
    return [y.detach(), x.grad, layer.lora_A["default"].weight.grad, layer.lora_B["default"].weight.grad]


@pytest.mark.parametrize("shape", [(5, 12), (2, 5, 12), (1, 1, 12)])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_pefts(bias: bool, shape: tuple[int, ...]) -> None:
    fused, plain = layers(bias=bias)
    assert type(fused) is FusedLoraLinear
    assert type(plain) is Linear
    x = torch.randn(shape)
    for mine, theirs in zip(outcome(fused, x), outcome(plain, x), strict=True):
        assert mine.shape == theirs.shape
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_is_as_near_the_exact_values_as_pefts(dtype: torch.dtype) -> None:
    x = torch.randn(64, 12)
    exact = outcome(layers(dtype=torch.float32)[1], x)
    with torch.autocast("cpu", torch.bfloat16):
        mine, theirs = (outcome(layer, x) for layer in layers(dtype=dtype))
    for m, t, e in zip(mine, theirs, exact, strict=True):
        assert m.dtype == t.dtype
        assert (m - e).norm() <= 1.5 * (t - e).norm() + 1e-3 * e.norm()


@pytest.mark.parametrize("r", [4, 16])
def test_a_rank_stabilised_layer_is_fused_with_its_own_scale(r: int) -> None:
    fused, plain = layers(r=r, use_rslora=True)
    assert type(fused) is FusedLoraLinear
    x = torch.randn(5, 12)
    for mine, theirs in zip(outcome(fused, x), outcome(plain, x), strict=True):
        torch.testing.assert_close(mine, theirs)
    a, b = fused.lora_A["default"].weight, fused.lora_B["default"].weight
    by_hand = fused.get_base_layer()(x) + 5 / r**0.5 * (x @ a.T) @ b.T
    torch.testing.assert_close(fused(x), by_hand, atol=1e-5, rtol=1e-5)


def test_a_changed_weight_is_seen_and_a_switched_off_adapter_is_off() -> None:
    fused, plain = layers()
    x = torch.randn(4, 12)
    with torch.no_grad():
        for change in (0.0, 1.0):
            for layer in (fused, plain):
                layer.get_base_layer().weight += change
            with torch.autocast("cpu", torch.bfloat16):
                torch.testing.assert_close(fused(x), plain(x), atol=0.1, rtol=0.02)
        merged = fused(x)
        fused.merge()
        torch.testing.assert_close(fused(x), merged)
        fused.unmerge()
        fused.enable_adapters(False)
        torch.testing.assert_close(fused(x), fused.get_base_layer()(x))


def test_a_copy_made_while_validating_can_be_trained_with() -> None:
    fused, _ = layers()
    x = torch.randn(4, 12)
    with torch.autocast("cpu", torch.bfloat16):
        with torch.inference_mode():
            fused(x)
        fused(x).float().sum().backward()
    assert fused.lora_A["default"].weight.grad.abs().sum() > 0


def test_a_half_precision_backbone_keeps_the_adapters_precision_as_peft_does() -> None:
    """Float32 A and B on a bfloat16 layer, no autocast: a step too small for bfloat16 must still be seen."""
    fused, plain = layers(dtype=torch.bfloat16)
    assert fused.lora_A["default"].weight.dtype == torch.float32
    x = torch.randn(4, 12).bfloat16()
    for mine, theirs in zip(outcome(fused, x), outcome(plain, x), strict=True):
        assert torch.equal(mine, theirs)


def test_merging_writes_the_copy_anew() -> None:
    fused, plain = layers()
    x = torch.randn(4, 12)
    for layer in (fused, plain):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            layer(x)
            layer.merge()
            layer.unmerge()
            layer.get_base_layer().weight.data += 1.0
            layer.merge()
            layer.unmerge()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(fused(x), plain(x), atol=0.1, rtol=0.02)


@pytest.mark.parametrize("changes", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
def test_what_is_more_than_the_formula_stays_pefts(changes: dict[str, Any]) -> None:
    assert type(layers(**changes)[0]) is Linear


def test_the_adapter_of_a_model_is_fused_and_keeps_its_names() -> None:
    wrapped = add_adapter(tiny_backbone("llama"), AdapterConfig(r=4), seed=0)
    fused = [n for n, m in wrapped.named_modules() if type(m) is FusedLoraLinear]
    assert len(fused) == 2 * 7
    assert not any("_kept" in name for name in wrapped.state_dict())
