"""Compiled layers: the same rewards and gradients, and few compilations however many tokens a step has."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tests.model.batches import batch_of
from tests.model.shapes import VOCABULARY, tiny_backbone
from torch._dynamo.testing import CompileCounterWithBackend

from rmx.config.schema import AdapterConfig
from rmx.model import RewardModel
from rmx.model.adapter import add_adapter
from rmx.model.compilation import compile_layers
from rmx.model.head import ScalarHead
from rmx.model.layouts import adopt_layout


def model_of(kind: str, adapter: str, backend: Any = None) -> RewardModel:
    backbone = tiny_backbone(kind)
    run, reason = adopt_layout(backbone, "packed")
    assert not reason
    wrapped = add_adapter(backbone, AdapterConfig(kind=adapter, r=4), seed=0)
    for name, parameter in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    if backend is not None:
        compile_layers(backbone, backend=backend)
    return RewardModel(wrapped, ScalarHead(32, std=None, seed=0), run).train()


@pytest.mark.parametrize(
    ("kind", "adapter"),
    [
        ("llama", "lora"),
        pytest.param("qwen3", "none", marks=pytest.mark.slow),
        pytest.param("llama", "none", marks=pytest.mark.slow),
        pytest.param("qwen3", "lora", marks=pytest.mark.slow),
    ],
)
def test_fifty_steps_compile_at_most_three_times(kind: str, adapter: str) -> None:
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    model, plain = model_of(kind, adapter, counter), model_of(kind, adapter)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    for step in range(50):
        prompt = torch.randint(0, VOCABULARY, (2 + step,), generator=generator).tolist()
        batch = batch_of([[*prompt, *range(5 + step % 7)], [*prompt, 9], [3, *prompt]])
        rewards = model(batch)
        if step in (0, 7):
            plain.load_state_dict(copy.deepcopy(model.state_dict()))
            plain.zero_grad()
            expected = plain(batch)
            torch.testing.assert_close(rewards, expected, atol=1e-5, rtol=1e-5)
            expected.square().sum().backward()
        optimizer.zero_grad()
        rewards.square().sum().backward()
        if step in (0, 7):
            for mine, theirs in zip(model.parameters(), plain.parameters(), strict=True):
                if theirs.grad is not None:
                    torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-5, rtol=1e-4)
        optimizer.step()
    assert 1 <= counter.frame_count <= 3
    torch._dynamo.reset()
