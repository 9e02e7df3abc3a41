"""Kind `rmx`: a finished run or its export, under its contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rmx.errors import ModelError
from rmx.scorers.kind import ScorerKind, Surroundings

if TYPE_CHECKING:
    from rmx.scorers.reward_model import Reward

__all__ = ["Export"]


@dataclass(frozen=True, kw_only=True)
class Export(ScorerKind):
    """Refuses whatever has no contract, which `reward=DIR` alone would take for a foreign model."""

    kind: ClassVar[str] = "rmx"

    @property
    def reads_reward(self) -> bool:
        """The run, or its model/."""
        return True

    def load(self, around: Surroundings) -> Reward:
        """Load the model and verify its contract."""
        from rmx.model.contract import CONTRACT_FILE
        from rmx.scorers.loading import find_reward
        from rmx.scorers.reward_model import load_reward

        path = find_reward(around.named_reward()).path
        if not (path / CONTRACT_FILE).exists():
            raise ModelError(f"{path}: holds no {CONTRACT_FILE}, so it is no export of rmx; give scorer=hf, or none")
        return load_reward(
            path, device=around.device, max_tokens=around.max_tokens, layout=around.layout, cache=around.cache
        )
