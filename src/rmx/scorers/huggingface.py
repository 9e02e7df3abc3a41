"""Kind `hf`: any sequence-classification model of one label, scored by its own forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rmx.scorers.kind import ScorerKind, Surroundings

if TYPE_CHECKING:
    from rmx.scorers.reward_model import Reward

__all__ = ["HuggingFace"]


@dataclass(frozen=True, kw_only=True)
class HuggingFace(ScorerKind):
    """What pools and what the head is are the model's own; what rmx does not know of it becomes a flag."""

    chat_template: str | None = None
    """Jinja text or a .jinja file in place of the tokenizer's template."""
    terminal: str | None = None
    """Token that closes a text; null takes the tokenizer's end token."""
    trust_remote_code: bool = False
    """Run the Python files that come with the weights. They can do whatever you can: read them first."""

    kind: ClassVar[str] = "hf"

    @property
    def reads_reward(self) -> bool:
        """A directory or a hub id."""
        return True

    def load(self, around: Surroundings) -> Reward:
        """Load the model as a foreign one, whether or not it has a contract of rmx."""
        from rmx.scorers.reward_model import load_foreign_reward

        return load_foreign_reward(
            around.named_reward(),
            device=around.device,
            max_tokens=around.max_tokens,
            chat_template=self.chat_template,
            terminal=self.terminal,
            trust_remote_code=self.trust_remote_code,
        )
