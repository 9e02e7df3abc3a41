"""Fully sharded data parallelism: each process holds its part of every parameter, gradient and moment of the optimiser.

By torch's `fully_shard` (FSDP2), ZeRO's third stage (Rajbhandari et al. 2020, arXiv:1910.02054): a decoder layer is put
together when it runs, forward and backward, and taken apart again. What is frozen is sharded too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from rmx.errors import ModelError
from rmx.model.adapter import base_model
from rmx.model.decoder_layers import decoder_layers
from rmx.model.lora_linear import FusedLoraLinear
from rmx.model.sequence_model import SequenceModel

__all__ = ["gradients_unreduced", "is_sharded", "shard_model"]


def shard_model(model: SequenceModel, mesh: DeviceMesh) -> None:
    """Shard a model in place over the processes of a one-dimensional mesh; it goes to their devices layer by layer.

    Its parameters become distributed tensors, with the names and the order that they had.

    Raises:
        ModelError: The decoder layers are not found, or it is an encoder.
    """
    if not getattr(model, "pools_last", True):
        raise ModelError(
            "trainer.strategy=fsdp: an encoder pools outside of the layers that are sharded; give trainer=ddp"
        )
    for module in model.modules():
        if isinstance(module, FusedLoraLinear):
            # A copy of each frozen weight in every process would be the memory that sharding saves.
            module.keeps_copies = False
    # The head is a group of its own: it is float32 whatever the backbone, and a group's gradients have one dtype.
    heads = [child for child in model.children() if child is not model.backbone]
    for part in (*decoder_layers(base_model(model.backbone)), *heads, model):
        # The root too: torch would leave it whole after a forward without backward, and what is loaded into a whole
        # parameter is lost when it is put together the next time.
        group: Any = fully_shard(part, mesh=mesh, reshard_after_forward=True)
        if mesh.device_type == "cpu":
            group.set_force_sum_reduction_for_comms(True)  # gloo cannot average


def is_sharded(model: nn.Module) -> bool:
    """Return whether `shard_model` sharded the model."""
    return isinstance(model, FSDPModule)


@contextmanager
def gradients_unreduced(model: nn.Module) -> Iterator[None]:
    """Let backwards of a sharded model add up whole gradients in this process alone, until one outside reduces them."""
    assert isinstance(model, FSDPModule)  # noqa: S101  for the type
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)
