"""RewardModule: what happens in one optimiser step and in one scoring step, and nothing else."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from functools import reduce
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import AdamW

from rmx.config.schema import OptimConfig
from rmx.data.batch import MicroBatch, ScoreBatch, SequenceBatch, StepBatch
from rmx.errors import TrainingError
from rmx.loss import Loss
from rmx.model.distributed_tensor import whole
from rmx.model.sequence_model import SequenceModel
from rmx.model.sharding import gradients_unreduced, is_sharded, shard_model
from rmx.model.state import load_trainable_state, parameter_groups, trainable_state
from rmx.step_sums import StepSums

__all__ = ["RewardModule", "learning_rate_factor"]

_LOSS = "loss."
"""What names of the loss's own parameters begin with in a checkpoint."""


def learning_rate_factor(step: int, total: int, optim: OptimConfig) -> float:
    """Return the share of the learning rate that optimiser step `step` (from 0) of `total` uses."""
    warm = math.ceil(optim.warmup * total)
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1, total - warm)
    match optim.schedule:
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * progress))
        case "linear":
            return 1.0 - progress
        case _:
            return 1.0


class RewardModule(pl.LightningModule):
    """Steps and optimiser of a sequence scorer trained on comparisons.

    Optimisation is manual, because the loss of a step is divided by the weight of its *global* batch: with W ranks each
    local loss is multiplied by W (data parallel averages gradients) and only the last backward of a step communicates.
    """

    def __init__(
        self,
        scorer: SequenceModel,
        *,
        loss: Loss,
        optim: OptimConfig,
        total_steps: int,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        """Wrap a scorer.

        Args:
            scorer: The model; what trains of it is its own business.
            loss: What is minimised; parameters of its own train with the model.
            optim: Optimiser and schedule.
            total_steps: Optimiser steps of the whole run, for the schedule.
            identity: What must be the same for a checkpoint to be continued; saved with it.
        """
        super().__init__()
        self.automatic_optimization = False
        self.strict_loading = False
        self.scorer = scorer
        self.loss = loss
        self.optim = optim
        self.total_steps = total_steps
        self.identity = dict(identity or {})

    def configure_model(self) -> None:
        """Shard the scorer where the strategy has laid out processes for it; Lightning calls this every time."""
        if self.device_mesh is not None and not is_sharded(self.scorer):
            shard_model(self.scorer, self.device_mesh["data_parallel"])

    def forward(self, sequences: SequenceBatch) -> Tensor:
        """Return float32 rewards (n,)."""
        rewards: Tensor = self.scorer(sequences)
        return rewards

    def training_step(self, batch: StepBatch, batch_idx: int) -> dict[str, Any]:
        """Run one optimiser step.

        Returns:
            `sums`, the StepSums of this rank; `margins`, the numbers of its decided pairs, int64 (p,), and their
            margins before the step, float32 (p,).

        Raises:
            TrainingError: The loss or its gradient is not finite; the weights are left as they were.
        """
        optimizer = cast(LightningOptimizer, self.optimizers())
        factor = learning_rate_factor(batch.step, self.total_steps, self.optim)
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        optimizer.zero_grad(set_to_none=True)
        seen, pairs, margins = [], [], []
        for k, micro in enumerate(batch.micro):
            with contextlib.nullcontext() if k == len(batch.micro) - 1 else self._no_sync():
                loss, margin, sums = self._micro_loss(micro)
                self.manual_backward(loss * (self.trainer.world_size / batch.global_weight))
            seen.append(sums)
            if sums.pairs:
                decided = micro.grade > 0
                pairs.append(micro.index[decided])
                margins.append(margin[decided])
        norm = self._clip()
        # After the reduction every rank holds the same gradient, so all of them stop together.
        if not torch.isfinite(norm):
            optimizer.zero_grad(set_to_none=True)
            raise TrainingError(
                f"step {batch.step}: the loss or its gradient is not finite; the weights of the step before are kept. "
                f"Pairs of this batch: {' '.join(batch.pair_ids)}. Look at them, or lower optim.lr"
            )
        optimizer.step()
        seen.append(StepSums(gradient_norm=float(norm), learning_rate=optimizer.param_groups[0]["lr"], steps=1))
        nothing = batch.micro[0].index[:0]
        found = (torch.cat([nothing, *pairs]), torch.cat([nothing.float(), *margins]))
        return {"sums": reduce(StepSums.__add__, seen), "margins": found}

    def validation_step(self, batch: ScoreBatch, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Return float32 rewards (n,) of the batch's sequences.

        While training, in the training precision; afterwards in that of the weights, as the export is used.
        """
        training = self.trainer.state.fn == TrainerFn.FITTING
        device = self.device.type
        with torch.autocast(device, enabled=training and torch.is_autocast_enabled(device)):
            rewards: Tensor = self(batch.sequences)
        return rewards

    def configure_optimizers(self) -> AdamW:
        """Return AdamW over the backbone's trained parameters, head and loss, each with its own learning rate."""
        backbone, head = parameter_groups(self.scorer)
        own = list(self.loss.parameters())
        head_lr = self.optim.lr if self.optim.head_lr is None else self.optim.head_lr
        groups: list[dict[str, Any]] = [
            {"params": params, "lr": lr, "base_lr": lr}
            for params, lr in ((backbone, self.optim.lr), (head, head_lr), (own, self.optim.loss_lr))
            if params
        ]
        if own:
            # A threshold has no reason to be near 1, which is where decay would pull its logarithm.
            groups[-1]["weight_decay"] = 0.0
        betas = (self.optim.beta1, self.optim.beta2)
        # Fused: one pass over memory instead of ten, which on a CPU is a large part of a step of full fine-tuning.
        return AdamW(groups, betas=betas, eps=self.optim.eps, weight_decay=self.optim.weight_decay, fused=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say whose checkpoint it is, and add what its continuation could not read in the same way again."""
        checkpoint["identity"] = self.identity
        checkpoint["remembered"] = self.scorer.remembered()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take back what was remembered."""
        self.scorer.recall(checkpoint.get("remembered", {}))

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return what training changes; the frozen base is found again by its name and hash."""
        own = {f"{_LOSS}{name}": p.detach() for name, p in self.loss.named_parameters()}
        return {**trainable_state(self.scorer), **own}

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Put back what `state_dict` gave."""
        own = {name.removeprefix(_LOSS): value for name, value in state_dict.items() if name.startswith(_LOSS)}
        load_trainable_state(self.scorer, {k: v for k, v in state_dict.items() if not k.startswith(_LOSS)})
        self.loss.load_state_dict(own)
        return nn.modules.module._IncompatibleKeys([], [])

    def _micro_loss(self, micro: MicroBatch) -> tuple[Tensor, Tensor, StepSums]:
        """Return the weighted sum of the losses, the margins, and what the micro-batch adds to the training curve."""
        rewards = self(micro.sequences)
        terms, weight = self.loss(rewards, micro)
        margin = (rewards[micro.chosen] - rewards[micro.rejected]).detach()
        return (weight * terms.total).sum(), margin, StepSums.of(micro, rewards.detach(), terms, weight)

    def _clip(self) -> Tensor:
        trained = [p for p in self.parameters() if p.grad is not None]
        norm = nn.utils.clip_grad_norm_(trained, math.inf if self.optim.clip is None else self.optim.clip)
        return whole(norm)

    def _no_sync(self) -> contextlib.AbstractContextManager[None]:
        wrapped = self.trainer.strategy.model
        if isinstance(wrapped, DistributedDataParallel):
            return wrapped.no_sync()
        return gradients_unreduced(self.scorer) if is_sharded(self.scorer) else contextlib.nullcontext()
