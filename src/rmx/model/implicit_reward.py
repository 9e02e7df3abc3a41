"""DPO's implicit reward: how much likelier a policy makes a completion than the reference did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from rmx.config.schema import BatchConfig
from rmx.data.batch import SequenceBatch
from rmx.data.sequences import Sequences
from rmx.model.language_model import CompletionLikelihood
from rmx.model.layouts import TokenLayout
from rmx.model.sequence_cache import SequenceCache
from rmx.model.vocabulary_head import VocabularyHead

__all__ = ["ImplicitReward", "Reference"]


class Reference(Protocol):
    """The log-probabilities of the policy before it was trained."""

    def __call__(self, model: ImplicitReward, batch: SequenceBatch) -> Tensor:
        """Return Σ log π_ref of each sequence's completion, float64 (n,), without gradient."""
        ...

    def remember(
        self, model: ImplicitReward, stores: Iterable[Sequences], batch: BatchConfig, autocast: torch.dtype | None
    ) -> None:
        """Read sequences before training, where it is too late afterwards."""
        ...

    def caches(self) -> Sequence[SequenceCache]:
        """Return what could be computed afresh, and travels with a checkpoint."""
        ...


class ImplicitReward(CompletionLikelihood):
    r"""r(x, y) = β (log π(y | x) − log π_ref(y | x)), summed over the completion's tokens, terminal token included.

    Bradley-Terry on these rewards is the loss of DPO (Rafailov et al. 2023, arXiv:2305.18290, equations 5 and 7): the
    part of the reward that depends on the prompt alone cancels within a comparison.
    """

    def __init__(
        self, backbone: nn.Module, head: VocabularyHead, layout: TokenLayout, *, beta: float, reference: Reference
    ) -> None:
        """Put the parts together.

        Args:
            backbone: Base model of the policy, maybe wrapped by peft.
            head: Language-model head of the policy.
            layout: How sequences run through the backbone.
            beta: Strength of the pull to the reference: the reward's unit, in 1/nats.
            reference: What the policy is compared with.
        """
        super().__init__(backbone, head, layout)
        self.beta = beta
        self.reference = reference

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Return float32 rewards (n,)."""
        # Before the policy: the reference may run through the same modules.
        reference = self.reference(self, batch)
        return self.scored(self.beta * (self.log_probs(batch) - reference), batch)

    def remember(self, stores: Iterable[Sequences], batch: BatchConfig, *, autocast: torch.dtype | None = None) -> None:
        """Let the reference read what it cannot read later."""
        self.reference.remember(self, stores, batch, autocast)

    def caches(self) -> Sequence[SequenceCache]:
        """Return the reference's."""
        return self.reference.caches()

    def remembered(self) -> dict[str, Tensor]:
        """Return the reference's log-probabilities of what it has read."""
        return {f"{i}.{name}": rows for i, cache in enumerate(self.caches()) for name, rows in cache.state().items()}

    def recall(self, remembered: Mapping[str, Tensor]) -> None:
        """Take back what `remembered` gave."""
        for i, cache in enumerate(self.caches()):
            own = f"{i}."
            cache.restore({name.removeprefix(own): t for name, t in remembered.items() if name.startswith(own)})
