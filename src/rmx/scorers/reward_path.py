"""What `reward=` alone means: an rmx export under its contract, else a foreign reward model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rmx.scorers.kind import ScorerKind, Surroundings

if TYPE_CHECKING:
    from rmx.scorers.reward_model import Reward

__all__ = ["RewardPath"]


@dataclass(frozen=True, kw_only=True)
class RewardPath(ScorerKind):
    """The judged scorer where no node names one; no node names this one."""

    kind: ClassVar[str] = "reward"

    @property
    def reads_reward(self) -> bool:
        """It is all that it reads."""
        return True

    def load(self, around: Surroundings) -> Reward:
        """Load whichever of the two the directory is."""
        from rmx.scorers.reward_model import load_reward

        return load_reward(
            around.named_reward(),
            device=around.device,
            max_tokens=around.max_tokens,
            layout=around.layout,
            cache=around.cache,
        )
