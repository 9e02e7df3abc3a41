"""Follows the margin of every train pair in its batches, and of every validation pair at each validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.trainer.states import TrainerFn

from rmx.callbacks.gather import GatherRewards
from rmx.data.dynamics import Dynamics, VisitSums
from rmx.errors import RunError
from rmx.scorers.slice_texts import SliceTexts
from rmx.whole_file import whole_file

__all__ = ["TrainingDynamics"]

_STATE = "dynamics"


class TrainingDynamics(pl.Callback):
    """Collects margins that training has computed anyway; nothing is scored for it.

    Each rank adds up its own pairs; ranks are combined when a checkpoint is saved, which holds the sums, and at the
    end. A checkpoint is saved *before* the validation of its step, and a resumed run does not repeat that validation:
    what validations saw is therefore kept in a file, cut back to the resumed step as metrics.csv is.
    """

    def __init__(
        self,
        train_pairs: int,
        gather: GatherRewards,
        validation: SliceTexts | None,
        *,
        file: Path,
        resume_step: int,
    ) -> None:
        """Follow `train_pairs` pairs, and those of the slice `validation` in `gather`'s rewards.

        Args:
            train_pairs: Pairs of the training set, which batches number.
            gather: Has the rewards of `validation`, before this callback looks.
            validation: Texts of the validation slice; None where there is none.
            file: Where the margins of validations are kept while training runs.
            resume_step: The step that training continues from; 0 for a fresh run.
        """
        self.gather = gather
        self.validation = validation
        self.file = file
        self._train = VisitSums(train_pairs)
        self._validations = _read(file, resume_step) if validation is not None and resume_step else {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add this rank's pairs of the step."""
        pairs, margins = outputs["margins"]
        if len(pairs):
            self._train.add(pairs.cpu().numpy(), margins.double().cpu().numpy(), trainer.global_step)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the margins of the validation slice."""
        if self.validation is None or trainer.state.fn != TrainerFn.FITTING or not trainer.is_global_zero:
            return
        rewards = self.gather.rewards[self.validation.name]
        margins = rewards[self.validation.chosen] - rewards[self.validation.rejected]
        self._validations[trainer.global_step] = margins.astype(np.float32)
        _write(self.file, self._validations)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the sums of all ranks into the checkpoint; every rank calls it."""
        checkpoint[_STATE] = torch.from_numpy(self._over_ranks(trainer).table.copy())

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Continue from the sums of a checkpoint, on one rank alone, so that they count once."""
        saved = checkpoint.get(_STATE)
        if saved is not None and trainer.is_global_zero:
            self._train = VisitSums(saved.shape[1], saved.double().numpy())

    def dynamics(self, trainer: pl.Trainer) -> dict[str, Dynamics]:
        """Return what was seen, by split; every rank must call it, only rank 0 has the validations."""
        found = {"train": self._over_ranks(trainer).dynamics()}
        if self.validation is not None:
            margins = [self._validations[step] for step in sorted(self._validations)]
            history = np.array(margins, np.float64).reshape(len(margins), len(self.validation.pairs))
            found["validation"] = Dynamics.of_history(history)
        return found

    def _over_ranks(self, trainer: pl.Trainer) -> VisitSums:
        if trainer.world_size == 1:
            return self._train
        mine = torch.from_numpy(self._train.table).to(trainer.strategy.root_device)
        total = mine.clone()
        torch.distributed.all_reduce(total[:4], op=torch.distributed.ReduceOp.SUM)
        torch.distributed.all_reduce(total[5], op=torch.distributed.ReduceOp.MAX)
        # A pair is in a step once, so the margin of its last visit stands on one rank.
        total[4] = torch.where((mine[5] == total[5]) & (mine[0] > 0), mine[4], 0.0)
        torch.distributed.all_reduce(total[4], op=torch.distributed.ReduceOp.SUM)
        return VisitSums(total.shape[1], total.cpu().numpy())


def _read(file: Path, last_step: int) -> dict[int, NDArray[np.float32]]:
    if not file.exists():
        return {}
    try:
        with np.load(file, allow_pickle=False) as kept:
            steps, margins = kept["steps"], kept["margins"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise RunError(f"{file}: damaged ({error}); delete it to continue without the margins it held") from None
    return {int(step): row for step, row in zip(steps, margins, strict=True) if step <= last_step}


def _write(file: Path, validations: dict[int, NDArray[np.float32]]) -> None:
    with whole_file(file) as partial, partial.open("wb") as stream:
        np.savez(stream, steps=np.array(list(validations)), margins=np.stack(list(validations.values())))
