"""Lightning's strategy for a sharded model, with checkpoints that are the same files as everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.strategies import ModelParallelStrategy, Strategy
from torch import Tensor
from torch.optim import Optimizer

from rmx.model.distributed_tensor import gathered, part_like

__all__ = ["ShardedStrategy"]


class ShardedStrategy(ModelParallelStrategy):
    """Data parallelism over all processes, of a module whose `configure_model` shards over the mesh `data_parallel`.

    Lightning would write and read checkpoints by pickle, past the CheckpointIO. Here states are gathered, and rank 0
    writes them as it would alone: a run may be continued with or without sharding, and by any number of processes.
    """

    def __init__(self, processes: int, *, backend: str) -> None:
        """Shard over `processes` in the whole job, which talk through the process group `backend`."""
        super().__init__(
            data_parallel_size=processes,
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,
            process_group_backend=backend,
        )

    @property
    def lightning_restore_optimizer(self) -> bool:
        """Let Lightning call `load_optimizer_state_dict`."""
        return True

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Return the module's state whole, on rank 0 alone; every rank must call it."""
        state: dict[str, Any] = gathered(Strategy.lightning_module_state_dict(self), keep=self.is_global_zero)
        return state

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return the optimiser's state whole, on rank 0 alone; every rank must call it."""
        state: dict[str, Any] = gathered(Strategy.optimizer_state(self, optimizer), keep=self.is_global_zero)
        return state

    def save_checkpoint(
        self, checkpoint: dict[str, Any], filepath: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write on rank 0, through the CheckpointIO."""
        Strategy.save_checkpoint(self, checkpoint, filepath, storage_options)

    def load_checkpoint(self, checkpoint_path: str | Path, weights_only: bool | None = None) -> dict[str, Any]:
        """Read on every rank, through the CheckpointIO."""
        return Strategy.load_checkpoint(self, checkpoint_path, weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Let the module load its state, of which each rank takes its part."""
        Strategy.load_model_state_dict(self, checkpoint, strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Give each rank its part of the optimiser's state."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            parts = {i: {k: _part(v, parameters[i]) for k, v in own.items()} for i, own in state["state"].items()}
            optimizer.load_state_dict({**state, "state": parts})


def _part(value: Any, parameter: Tensor) -> Any:
    # A moment has its parameter's shape; the step count has none and belongs to every rank.
    of_parameter = isinstance(value, Tensor) and value.shape == parameter.shape
    return part_like(value, parameter) if of_parameter else value
