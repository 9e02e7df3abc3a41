"""What vLLM is asked for, and what is said where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from rmx.config.load import compose_config
from rmx.errors import ConfigError, ModelError
from rmx.policy import vllm_engine
from rmx.policy.engine import Drawn, Law
from rmx.policy.streams import Stream

LAW = Law(0.7, 0.9, 32, (2, 5), (1, 3))
NEEDED = ["input=i", "output=o", "sample.engine=vllm"]


def test_where_it_is_not_installed_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ModelError, match=r"install rmx-reward\[vllm\] .* or set sample.engine=transformers") as error:
        vllm_engine.VllmEngine(tmp_path, LAW, dtype="float32", length=100)
    assert "\n" not in str(error.value)


def test_every_completion_is_a_request_with_its_own_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class LLM:
        def __init__(self, **options: Any) -> None:
            asked["model"] = options

        def generate(self, prompts: Any, params: Any, *, use_tqdm: bool) -> list[Any]:
            asked["prompts"], asked["params"] = prompts, params
            outputs = [([8, 9, 5], "stop"), ([8], "stop"), ([8] * 32, "length")]
            return [
                SimpleNamespace(outputs=[SimpleNamespace(token_ids=tuple(ids), finish_reason=why)])
                for ids, why in outputs
            ]

    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = LLM, lambda **options: options  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(vllm_engine, "version", lambda _: "0.0")
    engine = vllm_engine.VllmEngine(tmp_path, LAW, dtype="bfloat16", length=100)
    streams = [Stream(0, "p", i) for i in range(3)]
    drawn = engine.draw([[4, 4], [4, 4], [6]], streams)
    assert drawn == [Drawn([8, 9], True), Drawn([8], True), Drawn([8] * 32, False)]
    assert asked["model"] == {
        "model": str(tmp_path), "dtype": "bfloat16", "max_model_len": 100, "generation_config": "vllm"
    }  # fmt: skip
    assert asked["prompts"] == [{"prompt_token_ids": ids} for ids in ([4, 4], [4, 4], [6])]
    assert [p["seed"] for p in asked["params"]] == [s.number for s in streams]
    one = asked["params"][0]
    assert (one["temperature"], one["top_p"], one["max_tokens"]) == (0.7, 0.9, 32)
    assert (one["stop_token_ids"], one["logit_bias"]) == ([2, 5], {1: -100.0, 3: -100.0})


def test_the_configuration_knows_it(tmp_path: Path) -> None:
    assert compose_config("sample", NEEDED, run=tmp_path).sample.engine == "vllm"
    with pytest.raises(ConfigError, match=r"model.layers: sample.engine=vllm runs whole models"):
        compose_config("sample", [*NEEDED, "model.layers=3"], run=tmp_path)
    with pytest.raises(ConfigError, match=r"sample.engine: 'vlm' is not valid"):
        compose_config("sample", [*NEEDED, "sample.engine=vlm"], run=tmp_path)
