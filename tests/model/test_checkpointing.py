"""Layers that run again in the backward: either way of torch's gives the losses and gradients of none."""

from __future__ import annotations

import pytest
import torch
from tests.model.batches import batch_of
from tests.model.shapes import tiny_backbone

from rmx.config.schema import AdapterConfig
from rmx.model import RewardModel, parameter_groups
from rmx.model.adapter import add_adapter, base_model
from rmx.model.checkpointing import checkpoint_layers
from rmx.model.decoder_layers import decoder_layers
from rmx.model.head import ScalarHead
from rmx.model.layouts import adopt_layout

SEQUENCES = [[5, 6, 7, 8, 9], [5, 6, 10], [5, 6, 7, 11], [12, 13]]


def outcome(
    kind: str, layout: str, adapter: str, *, reentrant: bool | None, autocast: bool = False
) -> tuple[list[torch.Tensor], int]:
    """Return rewards and gradients, and how often the first layer ran."""
    backbone = tiny_backbone(kind)
    run, reason = adopt_layout(backbone, layout)
    assert not reason
    if reentrant is not None:
        checkpoint_layers(backbone, reentrant=reentrant)
    wrapped = add_adapter(backbone, AdapterConfig(kind=adapter, r=4), seed=0)
    for name, parameter in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    model = RewardModel(wrapped, ScalarHead(32, std=None, seed=0), run).train()
    runs = []
    decoder_layers(base_model(wrapped))[0].mlp.register_forward_pre_hook(lambda *_: runs.append(1))
    for _ in range(2):  # two micro-batches of a step
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            rewards = model(batch_of(SEQUENCES))
        torch.nn.functional.softplus(rewards[1] - rewards[0]).backward()
    gradients = [p.grad for group in parameter_groups(model) for p in group]
    assert all(g is not None and g.abs().sum() > 0 for g in gradients)
    return [rewards.detach(), *gradients], len(runs)


@pytest.mark.parametrize("adapter", ["none", "lora", "dora"])
@pytest.mark.parametrize("layout", ["packed", "padded"])
@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_both_kinds_change_nothing(kind: str, layout: str, adapter: str) -> None:
    plain, once = outcome(kind, layout, adapter, reentrant=None)
    for reentrant in (False, True):
        found, twice = outcome(kind, layout, adapter, reentrant=reentrant)
        assert twice == 2 * once, "nothing was run again"
        for mine, theirs in zip(found, plain, strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("reentrant", [False, True])
def test_recomputed_under_the_same_autocast(reentrant: bool) -> None:
    plain, _ = outcome("llama", "packed", "lora", reentrant=None, autocast=True)
    found, _ = outcome("llama", "packed", "lora", reentrant=reentrant, autocast=True)
    for mine, theirs in zip(found, plain, strict=True):
        # The packed layout spares the last layer's feed-forward part only where nothing is run again.
        torch.testing.assert_close(mine, theirs, atol=2e-2, rtol=2e-2)
