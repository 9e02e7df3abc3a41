"""What a kind of judged scorer is: the parameters of its `scorer` node, and how it is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rmx.scorers.base import PairwiseJudge, TextScorer

__all__ = ["JudgedScorer", "ScorerKind", "Surroundings"]

JudgedScorer = TextScorer | PairwiseJudge
"""What a kind loads. One that reads token ids is a `rmx.scorers.reward_model.Reward`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a scorer finds around it: everything of the configuration but its own node."""

    reward: str | None
    """What `reward` names: a run, a model directory or a hub id."""
    device: str | None
    """Where a local model runs; None takes a GPU if there is one."""
    max_tokens: int
    """Tokens of a batch, as its layout counts them."""
    layout: str
    """`packed`, or `padded`."""
    cache: Path
    """The directory of `paths.cache`."""
    streaming: bool = False
    """Texts come in pieces, and an interrupted scoring goes on later: nothing can be estimated on them."""

    def named_reward(self) -> str:
        """Return `reward`, which whoever calls this has declared to read."""
        assert self.reward is not None  # noqa: S101  the composition root has checked `reads_reward`
        return self.reward


@dataclass(frozen=True, kw_only=True)
class ScorerKind(ABC):
    """The parameters of one kind, as written in its node; `kind` itself is the name in the registry."""

    kind: ClassVar[str]

    @property
    def reads_reward(self) -> bool:
        """Whether it scores with what `reward` names; else `reward` beside it is refused."""
        return False

    @property
    def subject(self) -> str:
        """What is judged where `reward` does not say it, for the report: a file, a function, an address."""
        return ""

    @abstractmethod
    def load(self, around: Surroundings) -> JudgedScorer:
        """Return the scorer, ready.

        Raises:
            ConfigError: Parameters that cannot be met.
            DataError: A file that cannot be used.
            ModelError: A model that cannot be reached or read, or is none of this kind.
        """
