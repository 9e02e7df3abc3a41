"""A sharded model is the same model: values, gradients, steps and saved states, whatever trains of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.model.batches import batch_of
from tests.model.shapes import tiny_backbone
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor

from rmx.config.schema import AdapterConfig
from rmx.model import RewardModel, load_trainable_state, parameter_groups, trainable_state
from rmx.model.adapter import add_adapter
from rmx.model.checkpointing import checkpoint_layers
from rmx.model.distributed_tensor import gathered, whole
from rmx.model.head import ScalarHead
from rmx.model.layouts import adopt_layout
from rmx.model.sharding import gradients_unreduced, is_sharded, shard_model

BATCHES = [[[5, 6, 7, 8], [5, 6, 9]], [[11, 12, 13, 14, 15], [11, 3]], [[20, 21], [20, 22, 23]]]
KINDS = ["lora", "rslora", "dora", "none"]


@pytest.fixture(scope="module")
def mesh() -> Iterator[DeviceMesh]:
    """A mesh of this process alone."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    torch.distributed.destroy_process_group()


def model_of(
    kind: str, *, layout: str = "packed", dtype: torch.dtype = torch.float32, checkpointing: bool = False
) -> RewardModel:
    backbone = tiny_backbone("llama").to(dtype)
    run, reason = adopt_layout(backbone, layout)
    assert not reason
    if checkpointing:
        checkpoint_layers(backbone)
    wrapped = add_adapter(backbone, AdapterConfig(kind=kind, r=4), seed=0)
    for name, parameter in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    return RewardModel(wrapped, ScalarHead(32, std=None, seed=0), run).train()


def optimiser_of(model: RewardModel) -> torch.optim.AdamW:
    return torch.optim.AdamW([p for group in parameter_groups(model) for p in group], lr=1e-3, fused=True)


def trained(model: RewardModel, optimizer: torch.optim.AdamW, steps: int, parts: list[int]) -> list[float]:
    """Take steps as the module does: several backwards, the last one reduced, clipped by the whole norm."""
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        total = 0.0
        for k in parts:
            rewards = model(batch_of(BATCHES[k]))
            loss = -torch.nn.functional.logsigmoid(rewards[0] - rewards[1])
            if is_sharded(model) and k != parts[-1]:
                with gradients_unreduced(model):
                    loss.backward()
            else:
                loss.backward()
            total += float(loss.detach())
        losses.append(total)
        norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 0.1)
        losses.append(float(whole(norm)))
        optimizer.step()
    return losses


@pytest.mark.parametrize("layout", ["packed", "padded"])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_the_plain_model(mesh: DeviceMesh, kind: str, layout: str) -> None:
    plain, sharded = model_of(kind, layout=layout), model_of(kind, layout=layout)
    shard_model(sharded, mesh)
    expected = trained(plain, optimiser_of(plain), 3, [0, 1, 2])
    assert trained(sharded, optimiser_of(sharded), 3, [0, 1, 2]) == pytest.approx(expected, abs=1e-6)
    found = gathered(trainable_state(sharded), keep=True)
    for name, tensor in trainable_state(plain).items():
        torch.testing.assert_close(found[name], tensor, atol=1e-6, rtol=1e-5)


def test_everything_is_sharded_and_keeps_its_name_and_place(mesh: DeviceMesh) -> None:
    plain, sharded = model_of("lora"), model_of("lora")
    names = [name for name, _ in plain.named_parameters()]
    shard_model(sharded, mesh)
    assert is_sharded(sharded)
    assert not is_sharded(plain)
    for _ in range(2):  # after a forward without backward too
        assert [name for name, _ in sharded.named_parameters()] == names
        assert all(isinstance(p, DTensor) for p in sharded.parameters())
        with torch.no_grad():
            sharded(batch_of(BATCHES[0]))


def test_a_state_goes_between_sharded_and_plain(mesh: DeviceMesh) -> None:
    plain, sharded = model_of("none"), model_of("none")
    shard_model(sharded, mesh)
    trained(sharded, optimiser_of(sharded), 2, [0, 1])
    state = gathered(trainable_state(sharded), keep=True)
    load_trainable_state(plain, state)
    again = model_of("none")
    shard_model(again, mesh)
    with torch.no_grad():
        again(batch_of(BATCHES[1]))  # what was put together for a forward must not outlive the loading
        load_trainable_state(again, {n: t.detach().clone() for n, t in plain.named_parameters()})
        rewards = [model.eval()(batch_of(BATCHES[2])) for model in (plain, sharded, again)]
    assert torch.equal(rewards[0], rewards[1])
    assert torch.equal(rewards[0], rewards[2])
    assert gathered({"a": [trainable_state(sharded)["head.weight"], 1]}, keep=False) == {"a": [None, 1]}


@pytest.mark.parametrize("kind", ["lora", "none"])
def test_a_bfloat16_backbone_has_a_float32_head(mesh: DeviceMesh, kind: str) -> None:
    plain, sharded = (model_of(kind, dtype=torch.bfloat16) for _ in range(2))
    shard_model(sharded, mesh)
    expected = trained(plain, optimiser_of(plain), 2, [0, 1])
    assert trained(sharded, optimiser_of(sharded), 2, [0, 1]) == pytest.approx(expected, rel=2e-2)
    assert sharded.head.weight.dtype == torch.float32


@pytest.mark.parametrize("kind", ["lora", "none"])
def test_recomputed_layers_are_put_together_again(mesh: DeviceMesh, kind: str) -> None:
    plain, sharded = model_of(kind), model_of(kind, checkpointing=True)
    shard_model(sharded, mesh)
    expected = trained(plain, optimiser_of(plain), 2, [0, 1, 2])
    # The packed layout spares the last layer's feed-forward part only where nothing is run again.
    assert trained(sharded, optimiser_of(sharded), 2, [0, 1, 2]) == pytest.approx(expected, rel=1e-5)


def test_no_copy_of_a_frozen_weight_outlives_a_call(mesh: DeviceMesh) -> None:
    plain, sharded = model_of("lora"), model_of("lora")
    shard_model(sharded, mesh)
    with torch.autocast("cpu", torch.bfloat16):
        losses = [trained(model, optimiser_of(model), 2, [0, 1]) for model in (plain, sharded)]
    assert losses[1] == pytest.approx(losses[0], rel=2e-2)
    kept = [["_kept" in module.__dict__ for module in model.modules()] for model in (plain, sharded)]
    assert any(kept[0])
    assert not any(kept[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_hold_half_each_and_take_the_steps_of_one(kind: str, repository: Path, tmp_path: Path) -> None:
    plain = model_of(kind)
    expected = trained(plain, optimiser_of(plain), 3, [0, 1])
    environment = {
        **os.environ, "MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{repository}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "STORE": str(tmp_path / "store"),
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.model.sharded_process", kind]
    ranks = [
        subprocess.Popen(command, env={**environment, "RANK": str(rank)}, stdout=subprocess.PIPE, cwd=repository)
        for rank in range(2)
    ]
    found = [[float(x) for x in rank.communicate(timeout=120)[0].decode().split()[-8:]] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    for mine in found:
        *losses, held, whole_numbers = mine
        assert losses == pytest.approx(expected, rel=1e-5)
        assert held < 0.6 * whole_numbers
