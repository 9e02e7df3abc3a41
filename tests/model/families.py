"""What the tests of families do with a model: pairs of texts, two steps, rewards of plain transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tests.model.batches import batch_of
from tests.model.shapes import ENCODERS
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.data.render import Renderer
from rmx.domain import Message
from rmx.loss import bradley_terry
from rmx.model import BuiltModel, build_reward_model, parameter_groups

TEXTS = [
    ((Message("user", prompt),), answer)
    for prompt in ("Which is larger, 7 or 12?", "Name a colour of the rainbow.")
    for answer in ("12, since it comes after.", "Blue.")
]
"""The completions of a prompt are a pair, in this order."""


def build(source: Path, adapter: str = "none", *, layout: str = "packed", seed: int = 0, **model: Any) -> BuiltModel:
    """Build a reward model from a directory, with the settings that its architecture cannot do without."""
    kind = json.loads((source / "config.json").read_text())["model_type"]
    own = {"chat_template": "encoder"} if kind in ENCODERS else {}
    settings = ModelConfig(**{"source": str(source), **own, **model})
    config = AdapterConfig(kind=adapter, r=4, alpha=8.0)
    return build_reward_model(settings, config, layout=layout, seed=seed, cache=source)


def sequences(built: BuiltModel) -> list[list[int]]:
    """Return the tokens of the texts."""
    store = Renderer(built.tokenizer).encode(TEXTS)
    return [store.ids(i).tolist() for i in range(len(store))]


def loss_of(built: BuiltModel) -> torch.Tensor:
    """Return the Bradley-Terry loss of the two pairs."""
    rewards = built.reward_model(batch_of(sequences(built)))
    nothing = torch.zeros(2)
    return bradley_terry(rewards[0::2], rewards[1::2], margin=nothing, flip=nothing, center=0.0).total.mean()


def train_two_steps(built: BuiltModel, *, lr: float = 1e-3) -> list[float]:
    """Take two optimiser steps; return the loss before, between and after them."""
    model = built.reward_model.train()
    pretrained, own = parameter_groups(model)
    optimiser = torch.optim.AdamW([*pretrained, *own], lr=lr, weight_decay=0.0)
    losses = []
    for _ in range(2):
        optimiser.zero_grad()
        loss = loss_of(built)
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in own)
        assert any(float(p.grad.norm()) > 0 for p in pretrained if p.grad is not None)
        optimiser.step()
        losses.append(loss.item())
    with torch.no_grad():
        return [*losses, float(loss_of(built))]


def plain_rewards(directory: Path, built: BuiltModel, network: Any = None) -> list[float]:
    """Return the rewards of the texts in one batch by transformers alone, tokenizer and template included."""
    network = network or AutoModelForSequenceClassification.from_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    texts = [
        tokenizer.apply_chat_template(
            [{"role": m.role, "content": m.content} for m in (*prompt, Message("assistant", answer))], tokenize=False
        )
        for prompt, answer in TEXTS
    ]
    batch = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
    assert [
        row[mask.bool()].tolist() for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ] == (sequences(built))
    with torch.no_grad():
        return network.eval()(**batch).logits[:, 0].tolist()
