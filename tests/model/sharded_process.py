"""One process of a sharded training, for the test that starts two: prints losses, norms, and the numbers it holds."""

from __future__ import annotations

import os
import sys

import torch
from tests.model import test_sharding
from tests.model.batches import batch_of
from torch.distributed.device_mesh import init_device_mesh

from rmx.model.distributed_tensor import whole
from rmx.model.sharding import gradients_unreduced, shard_model


def main(kind: str) -> None:
    rank = int(os.environ["RANK"])
    store = torch.distributed.FileStore(os.environ["STORE"], 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    model = test_sharding.model_of(kind)
    numbers = sum(p.numel() for p in model.parameters())
    shard_model(model, init_device_mesh("cpu", (2,)))
    held = sum(p.to_local().numel() for p in model.parameters())
    optimizer = test_sharding.optimiser_of(model)
    for _ in range(3):
        optimizer.zero_grad()
        # Each rank has one of the two pairs, and then runs an empty one, as fillers do; gradients are averaged.
        rewards = model(batch_of(test_sharding.BATCHES[rank]))
        loss = -torch.nn.functional.logsigmoid(rewards[0] - rewards[1])
        with gradients_unreduced(model):
            (2 * loss).backward()
        (0.0 * model(batch_of(test_sharding.BATCHES[2])).sum()).backward()
        total = loss.detach().clone()
        torch.distributed.all_reduce(total)
        norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 0.1)
        print(float(total), float(whole(norm)))
        optimizer.step()
    print(held, numbers, flush=True)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
