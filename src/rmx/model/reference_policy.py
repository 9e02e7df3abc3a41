"""Where the reference's log-probabilities come from; none of these holds a second model while training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rmx.config.schema import BatchConfig
from rmx.data.batch import SequenceBatch
from rmx.data.sequences import Sequences
from rmx.errors import ModelError
from rmx.model.adapter import adapter_disabled
from rmx.model.implicit_reward import ImplicitReward
from rmx.model.language_model import CompletionLikelihood
from rmx.model.scoring import map_sequences
from rmx.model.sequence_cache import SequenceCache

__all__ = ["AdapterDisabled", "NoReference", "Precomputed", "SecondModel"]


class AdapterDisabled:
    """The policy without its adapter: the same frozen weights; each distinct sequence runs once in each precision."""

    def __init__(self) -> None:
        self.cache = SequenceCache()

    def __call__(self, model: ImplicitReward, batch: SequenceBatch) -> Tensor:
        """Return Σ log π_ref, float64 (n,).

        In the precision of the policy beside it: their rounding errors then cancel, and an untrained policy has rewards
        of exactly 0.
        """

        def read(part: SequenceBatch) -> Tensor:
            with adapter_disabled(model.backbone), _evaluating(model):
                return model.log_probs(part)

        return self.cache(read, batch, kind=_precision(batch))

    def remember(
        self, model: ImplicitReward, stores: Iterable[Sequences], batch: BatchConfig, autocast: torch.dtype | None
    ) -> None:
        """Do nothing: the weights stay, and are asked when a sequence comes."""

    def caches(self) -> Sequence[SequenceCache]:
        """Return the only one."""
        return [self.cache]


class Precomputed:
    """Where all weights train: what the model said before its first step."""

    def __init__(self) -> None:
        self.cache = SequenceCache()

    def __call__(self, model: ImplicitReward, batch: SequenceBatch) -> Tensor:
        """Return Σ log π_ref, float64 (n,).

        Raises:
            ModelError: A sequence was not read in time.
        """

        def read(_: SequenceBatch) -> Tensor:
            raise ModelError(
                "the reference's log-probability of a text is not known: with adapter=none only texts that the run was "
                "started with can be scored; score others with the exported model"
            )

        return self.cache(read, batch, kind=_precision(batch))

    def remember(
        self, model: ImplicitReward, stores: Iterable[Sequences], batch: BatchConfig, autocast: torch.dtype | None
    ) -> None:
        """Read all sequences of some stores with the weights as they are now."""

        def read(part: SequenceBatch) -> Tensor:
            return self.cache(model.log_probs, part, kind=_precision(part))

        kind = model.device.type
        with _evaluating(model), torch.autocast(kind, autocast, enabled=autocast is not None):
            for store in stores:
                map_sequences(read, store, batch, device=model.device)

    def caches(self) -> Sequence[SequenceCache]:
        """Return none: the weights that gave these numbers are gone."""
        return []


class SecondModel:
    """Another model, as when a finished policy is compared with its base; brought to where the policy is."""

    def __init__(self, model: CompletionLikelihood) -> None:
        self.model = model.eval().requires_grad_(False)

    def __call__(self, model: ImplicitReward, batch: SequenceBatch) -> Tensor:
        """Return Σ log π_ref, float64 (n,)."""
        with torch.no_grad():
            return self.model.to(batch.ids.device).log_probs(batch)

    def remember(
        self, model: ImplicitReward, stores: Iterable[Sequences], batch: BatchConfig, autocast: torch.dtype | None
    ) -> None:
        """Do nothing: it can be asked at any time."""

    def caches(self) -> Sequence[SequenceCache]:
        """Return none."""
        return []


class NoReference:
    """Every completion equally likely: the reward is the policy's log-probability alone."""

    def __call__(self, model: ImplicitReward, batch: SequenceBatch) -> Tensor:
        """Return zeros, float64 (n,)."""
        return torch.zeros(len(batch), dtype=torch.float64, device=batch.ids.device)

    def remember(
        self, model: ImplicitReward, stores: Iterable[Sequences], batch: BatchConfig, autocast: torch.dtype | None
    ) -> None:
        """Do nothing."""

    def caches(self) -> Sequence[SequenceCache]:
        """Return none."""
        return []


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _precision(batch: SequenceBatch) -> str:
    kind = batch.ids.device.type
    return str(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else ""
