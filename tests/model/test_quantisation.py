"""4-bit weights: what is missing for them is said; packing itself needs a GPU (docs/hardware.md)."""

from __future__ import annotations

import pytest
import torch
from tests.model.shapes import tiny_backbone
from transformers import BitsAndBytesConfig

from rmx.config.schema import AdapterConfig
from rmx.errors import ModelError
from rmx.model import quantisation
from rmx.model.adapter import add_adapter, merged_state
from rmx.model.quantisation import four_bits, is_quantised, plain_config


def test_without_a_gpu_or_the_package_one_line_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match=r"adapter\.kind=qlora: .*NVIDIA GPU.*adapter=lora") as error:
        four_bits()
    assert "\n" not in str(error.value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(quantisation, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"bitsandbytes is not installed; pip install 'rmx-reward\[gpu\]'"):
        four_bits()


def test_weights_are_packed_as_qlora_has_it_on_this_processs_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(quantisation, "find_spec", lambda name: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    how = four_bits()
    config = how["quantization_config"]
    assert how["device_map"] == {"": 1}
    assert (config.load_in_4bit, config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == (True, "nf4", True)
    assert config.bnb_4bit_compute_dtype == torch.bfloat16


def test_an_export_says_nothing_of_packed_weights() -> None:
    config = tiny_backbone("llama").config
    config.quantization_config = BitsAndBytesConfig(load_in_4bit=True)
    assert "quantization_config" not in plain_config(config).to_dict()
    assert hasattr(config, "quantization_config")


def _with_scales(_: torch.nn.Module, state: dict[str, torch.Tensor], prefix: str, __: object) -> None:
    state[f"{prefix}weight.absmax"] = torch.ones(3)


class Params4bit(torch.nn.Parameter):
    """Stands for the packed weight: known by its name, as peft knows it."""


def test_packed_weights_are_merged_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """bitsandbytes' own packing apart: layers with and without an adapter, and scales that stay behind."""
    backbone = tiny_backbone("llama")
    expected = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    wrapped = add_adapter(backbone, AdapterConfig(r=4, targets=["q_proj"]), seed=0)
    linear = {n: m for n, m in wrapped.named_modules() if isinstance(m, torch.nn.Linear)}
    packed = {id(module) for name, module in linear.items() if "proj" in name and "lora_" not in name}
    assert len(packed) == 2 * 7
    monkeypatch.setattr("rmx.model.adapter.is_quantised", lambda module: id(module) in packed)
    monkeypatch.setattr("rmx.model.adapter.weight_of", lambda module: module.weight.detach() + 1.0)
    for name, module in linear.items():
        if "lora_B" in name:
            torch.nn.init.ones_(module.weight)
        if id(module) in packed:  # as bitsandbytes saves what unpacks a weight
            module.register_state_dict_post_hook(_with_scales)
    assert any(name.endswith("weight.absmax") for name in wrapped.state_dict())
    found = merged_state(wrapped)
    assert found.keys() == expected.keys()
    layers = dict(wrapped.get_base_model().named_modules())
    for name, tensor in expected.items():
        wanted = tensor + 1.0 if "proj" in name else tensor
        if "q_proj" in name:
            wanted = wanted + layers[name.removesuffix(".weight")].get_delta_weight("default")
        torch.testing.assert_close(found[name], wanted)


def test_an_ordinary_layer_is_not_packed() -> None:
    assert not is_quantised(torch.nn.Linear(2, 2))
    layer = torch.nn.Linear(2, 2)
    layer.weight = Params4bit(torch.zeros(2, 2))
    assert is_quantised(layer)
