"""Activations that wait on the host: the same rewards and gradients, and weights stay where they are."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from tests.model.batches import batch_of
from tests.model.shapes import tiny_backbone

from rmx.config.schema import AdapterConfig
from rmx.model import RewardModel, parameter_groups
from rmx.model.adapter import add_adapter
from rmx.model.checkpointing import checkpoint_layers
from rmx.model.head import ScalarHead
from rmx.model.layouts import adopt_layout
from rmx.model.layouts.offloaded import Offloaded

SEQUENCES = [[5, 6, 7, 8, 9], [5, 6, 10], [5, 6, 7, 11], [12, 13]]


def model_of(
    adapter: str, layout: str, *, kinds: Sequence[str] | None, checkpointing: bool = False
) -> tuple[RewardModel, Offloaded | None]:
    backbone = tiny_backbone("llama")
    run, _ = adopt_layout(backbone, layout)
    if checkpointing:
        checkpoint_layers(backbone)
    wrapped = add_adapter(backbone, AdapterConfig(kind=adapter, r=4), seed=0)
    for name, parameter in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    offloaded = None if kinds is None else Offloaded(run, kinds=kinds, smallest=0)
    return RewardModel(wrapped, ScalarHead(32, std=None, seed=0), offloaded or run).train(), offloaded


def outcome(model: RewardModel) -> list[torch.Tensor]:
    rewards = model(batch_of(SEQUENCES))
    torch.nn.functional.softplus(rewards[1] - rewards[0]).backward()
    return [rewards.detach(), *(p.grad for group in parameter_groups(model) for p in group)]


@pytest.mark.parametrize("adapter", ["none", "lora", "dora"])
@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_bits_are_the_same(adapter: str, layout: str) -> None:
    model, offloaded = model_of(adapter, layout, kinds=["cpu"])
    expected = outcome(model_of(adapter, layout, kinds=None)[0])
    assert all(map(torch.equal, outcome(model), expected))
    assert offloaded.moved > 0


def test_weights_and_their_copies_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = model_of("lora", "packed", kinds=["cpu"])
    moved: list[torch.Tensor] = []
    whole = torch.Tensor.copy_

    def copied(self: torch.Tensor, other: torch.Tensor, *args: object) -> torch.Tensor:
        moved.append(other)
        return whole(self, other, *args)

    batch = batch_of(SEQUENCES)
    with torch.autocast("cpu", torch.bfloat16):
        model(batch)  # makes the low-precision copies
        monkeypatch.setattr(torch.Tensor, "copy_", copied)
        model(batch).sum().backward()
    monkeypatch.undo()
    tokens = len(batch.forest.ids)
    assert moved
    frozen = {p.shape for p in model.backbone.parameters() if not p.requires_grad and p.ndim == 2}
    assert not [t.shape for t in moved if t.shape in frozen and tokens not in t.shape]


def test_with_checkpointing_only_inputs_of_layers_travel() -> None:
    sizes = []
    for checkpointing in (False, True):
        model, offloaded = model_of("lora", "packed", kinds=["cpu"], checkpointing=checkpointing)
        outcome(model)
        sizes.append(offloaded.moved)
    assert 0 < sizes[1] < sizes[0] / 4


def test_other_devices_and_scoring_are_left_alone() -> None:
    model, offloaded = model_of("lora", "packed", kinds=["cuda"])
    outcome(model)
    assert offloaded.moved == 0
    model, offloaded = model_of("lora", "packed", kinds=["cpu"])
    with torch.no_grad():
        model(batch_of(SEQUENCES))
    assert offloaded.moved == 0
