"""Where weights come from: what cannot be reached, read or trusted is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmx.config.schema import ModelConfig
from rmx.errors import ModelError
from rmx.model.source import resolve


def directory(path: Path, **config: object) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "llama", **config}))
    (path / "model.safetensors").write_bytes(b"")
    return path


def refusal(source: str | Path, tmp_path: Path) -> str:
    with pytest.raises(ModelError) as error:
        resolve(ModelConfig(source=str(source)), tmp_path / "cache")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_local_directory_is_taken_as_it_is(tmp_path: Path) -> None:
    found = resolve(ModelConfig(source=str(directory(tmp_path / "good"))), tmp_path / "cache")
    assert found.path == (tmp_path / "good").resolve()
    assert found.facts["kind"] == "directory"


def test_a_hub_out_of_reach_names_the_weights_and_the_key(tmp_path: Path) -> None:
    message = refusal("meta-llama/Llama-3.1-8B-Instruct", tmp_path)
    assert "meta-llama/Llama-3.1-8B-Instruct" in message
    assert "model.source" in message
    assert "offline" in message


def test_what_is_no_model_directory_is_named(tmp_path: Path) -> None:
    assert "no such model directory" in refusal(tmp_path / "absent", tmp_path)
    (tmp_path / "empty").mkdir()
    assert "config.json" in refusal(tmp_path / "empty", tmp_path)
    damaged = directory(tmp_path / "damaged")
    (damaged / "config.json").write_text("{")
    assert "config.json: cannot be read" in refusal(damaged, tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"_attn_implementation_internal": "someone/kernel"},
        {"text_config": {"_attn_implementation_internal": "someone/kernel"}},
    ],
)
def test_a_configuration_that_runs_code_is_refused(tmp_path: Path, config: dict[str, object]) -> None:
    message = refusal(directory(tmp_path / "evil", **config), tmp_path)
    assert "run code" in message
    assert "config.json" in message


def test_a_tokenizer_that_runs_code_is_refused(tmp_path: Path) -> None:
    evil = directory(tmp_path / "evil")
    (evil / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["evil.Tok", None]}}))
    assert "tokenizer_config.json" in refusal(evil, tmp_path)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    pickled = directory(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    assert "safetensors" in refusal(pickled, tmp_path)
