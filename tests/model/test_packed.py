"""The packed layout against the padded one, which is the oracle: rewards, losses and gradients."""

from __future__ import annotations

import copy
import functools
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from tests.data.forests import forests
from tests.model.batches import batch_of
from tests.model.shapes import PACKED, VOCABULARY, tiny_backbone
from tests.stores import store_of

from rmx.config.schema import AdapterConfig, BatchConfig, ModelConfig
from rmx.data.render import Renderer
from rmx.domain import Message
from rmx.loss import bradley_terry
from rmx.model import RewardModel, build_reward_model
from rmx.model.adapter import add_adapter
from rmx.model.head import ScalarHead
from rmx.model.layouts import adopt_layout
from rmx.model.scoring import map_sequences

TREES = [
    [5, 6, 7, 8, 9, 10, 11, 12],
    [5, 6, 7, 8, 9, 10, 11, 13, 14],
    [5, 6, 7, 8, 20, 21],
    [5, 6, 7, 8, 20, 21],
    [30],
    [30, 31, 32],
    [40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51],
]
"""Three levels, equal sequences, one token apart, one that continues another, one alone and longer than a window."""


def adapted(backbone: Any, layout: str, adapter: str, *, checkpointing: bool) -> tuple[Any, Any]:
    """The backbone ready to train, its adapter no longer at zero, and how sequences run through it."""
    run, reason = adopt_layout(backbone, layout)
    assert not reason, reason
    if checkpointing:
        backbone.activation_checkpointing_enable({"use_reentrant": False})
        backbone.enable_input_require_grads()
    wrapped = add_adapter(backbone, AdapterConfig(kind=adapter, r=4, alpha=8.0), seed=0)
    randomise_adapter(wrapped)
    return wrapped, run


def model_of(backbone: Any, layout: str, adapter: str = "none", *, checkpointing: bool = False) -> RewardModel:
    wrapped, run = adapted(copy.deepcopy(backbone), layout, adapter, checkpointing=checkpointing)
    return RewardModel(wrapped, ScalarHead(backbone.config.hidden_size, std=None, seed=0), run).train()


def randomise_adapter(backbone: torch.nn.Module) -> None:
    """With B at its initial zero the gradient of A would be exactly zero, and equal whatever happens."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in backbone.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1


def pair_loss(rewards: torch.Tensor) -> torch.Tensor:
    """Every neighbouring two are a pair."""
    n = len(rewards) // 2
    nothing = torch.zeros(n)
    chosen, rejected = rewards[0 : 2 * n : 2], rewards[1 : 2 * n : 2]
    return bradley_terry(chosen, rejected, margin=nothing, flip=nothing, center=0.01).total.sum()


def assert_equal(packed: RewardModel, padded: RewardModel, sequences: list[list[int]]) -> None:
    """Rewards 1e-5 max(1, |r|), losses 1e-6, gradients 1e-4 of their own norm + 1e-6 of the whole norm."""
    results = []
    for model in (packed, padded):
        model.zero_grad()
        rewards = model(batch_of(sequences))
        loss = pair_loss(rewards) if len(sequences) > 1 else rewards.sum()
        # Of a pair of equal sequences the loss's own gradients cancel, and only rounding is left to compare.
        (loss + (rewards * torch.linspace(0.5, 1.5, len(rewards))).sum()).backward()
        grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        results.append((rewards.detach(), loss.detach(), grads))
    (rewards, loss, grads), (expected, expected_loss, expected_grads) = results
    assert ((rewards - expected).abs() <= 1e-5 * expected.abs().clamp(min=1)).all()
    assert abs(float(loss - expected_loss)) <= 1e-6 * max(1.0, len(sequences) / 2)
    assert grads.keys() == expected_grads.keys()
    whole = torch.stack([g.norm() for g in expected_grads.values()]).norm()
    for name, grad in grads.items():
        assert (grad - expected_grads[name]).norm() <= 1e-4 * expected_grads[name].norm() + 1e-6 * whole, name


# peft cannot adapt phimoe's router, which is a linear layer that returns a tuple.
@pytest.mark.parametrize(
    ("kind", "adapter"), [(k, a) for k in PACKED for a in ("none", "lora") if k + a != "phimoelora"]
)
def test_every_architecture_gives_what_it_gives_padded(kind: str, adapter: str) -> None:
    backbone = tiny_backbone(kind)
    assert_equal(model_of(backbone, "packed", adapter), model_of(backbone, "padded", adapter), TREES)


@functools.cache
def twins(kind: str, adapter: str, checkpointing: bool, *, wide: bool = True) -> tuple[RewardModel, RewardModel]:
    """Backbones in float64: among many drawn forests, float32 rounding alone takes some losses past 1e-6."""
    backbone = tiny_backbone(kind)
    packed, padded = (model_of(backbone, n, adapter, checkpointing=checkpointing) for n in ("packed", "padded"))
    for model in (packed, padded) if wide else ():
        model.backbone.double()
    return packed, padded


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("adapter", ["none", "lora"])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3_text", "gpt_neox"])
@settings(max_examples=15)
@given(sequences=forests(vocabulary=VOCABULARY))
def test_random_forests(kind: str, adapter: str, checkpointing: bool, sequences: list[list[int]]) -> None:
    assert_equal(*twins(kind, adapter, checkpointing), sequences)


@settings(max_examples=25)
@given(sequences=forests(vocabulary=VOCABULARY))
def test_neighbours_order_and_budget_change_no_reward(sequences: list[list[int]]) -> None:
    model, _ = twins("llama", "none", False, wide=False)
    store = store_of(sequences)
    one, few, all_ = (map_sequences(model, store, BatchConfig(max_tokens=n)) for n in (1, 70, 10_000))
    backwards = map_sequences(model, store_of(sequences[::-1]), BatchConfig())[::-1]
    for other in (few, all_, backwards):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("precision", [None, torch.bfloat16])
def test_a_window_of_blocks(precision: torch.dtype | None) -> None:
    """Sequences longer than a block of queries, whose blocks see prompts across their bounds."""
    rng = np.random.default_rng(0)
    prompts = rng.integers(0, VOCABULARY, (2, 300)).tolist()
    answers = [rng.integers(0, VOCABULARY, 20 + 60 * i).tolist() for i in range(6)]
    sequences = [[*prompts[i % 2][: 300 - 90 * (i % 3)], *answer] for i, answer in enumerate(answers)]
    backbone = tiny_backbone("gemma3_text", sliding_window=100, max_position_embeddings=1024)
    packed, padded = model_of(backbone, "packed"), model_of(backbone, "padded")
    if precision is None:
        assert_equal(packed, padded, sequences)
        return
    with torch.no_grad(), torch.autocast("cpu", precision):
        low = packed(batch_of(sequences))
    exact = padded(batch_of(sequences)).detach()
    assert (low - exact).abs().max() < 0.05 * exact.std()


def test_gradient_of_bfloat16_training_is_near_the_exact_one() -> None:
    packed, padded = twins("llama", "lora", False, wide=False)
    norms = []
    for model, low in ((packed, True), (padded, False)):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            rewards = model(batch_of(TREES))
        pair_loss(rewards).backward()
        norms.append(torch.cat([p.grad.ravel() for p in model.parameters() if p.grad is not None]))
    assert (norms[0] - norms[1]).norm() < 0.05 * norms[1].norm()


@pytest.mark.parametrize(
    ("kind", "changes", "why"),
    [
        ("bert", {}, "is not causal"),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "dynamic rotary"),
        ("gpt_oss", {"num_local_experts": 4, "head_dim": 8}, "takes s_aux"),
        ("bloom", {"n_head": 4, "n_layer": 2}, "not behind transformers' attention interface"),
    ],
)
def test_what_cannot_be_packed_is_padded_and_says_why(kind: str, changes: dict[str, Any], why: str) -> None:
    backbone = tiny_backbone(kind, **changes).eval()
    batch = batch_of(TREES)
    plain, _ = adopt_layout(backbone, "padded")
    with torch.no_grad():
        before = plain(backbone, batch)
        run, reason = adopt_layout(backbone, "packed")
        assert why in reason
        assert "\n" not in reason
        assert torch.equal(run(backbone, batch), before)


@pytest.mark.real_data
def test_sixty_four_real_pairs_on_smollm2(
    shared_data: Path, model_named: Callable[..., ModelConfig], weights_cache: Path
) -> None:
    """Four of SmolLM2's layers with LoRA: rewards, loss and gradients of 64 HH pairs."""
    models = []
    for layout in ("packed", "padded"):
        built = build_reward_model(
            model_named("smollm2-135m", layers=4), AdapterConfig(r=4), layout=layout, seed=0, cache=weights_cache
        )
        assert not built.unpacked
        randomise_adapter(built.reward_model.backbone)
        models.append(built.reward_model.train())
    renderer = Renderer(built.tokenizer)
    sequences: list[list[int]] = []
    with gzip.open(shared_data / "hh-harmless" / "pairs.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            turns = [row[side].rpartition("\n\nAssistant:") for side in ("chosen", "rejected")]
            prompt = turns[0][0].removeprefix("\n\nHuman:").strip()
            store = renderer.encode([((Message("user", prompt),), turn[2].strip()) for turn in turns])
            if prompt and int(store.lengths.max()) <= 160:
                sequences += [store.ids(i).tolist() for i in range(2)]
            if len(sequences) == 128:
                break
    assert len(sequences) == 128
    assert_equal(*models, sequences)
