"""Kind `logprob`: the log-probability that a causal LM gives a completion, of one token or of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rmx.scorers.kind import ScorerKind, Surroundings

if TYPE_CHECKING:
    from rmx.scorers.reward_model import Reward

__all__ = ["LogProb"]


@dataclass(frozen=True, kw_only=True)
class LogProb(ScorerKind):
    """What a language model finds likely is a baseline for what people prefer."""

    policy: str
    """Causal LM: a directory, a hub id, or a local peft adapter."""
    per_token: bool = False
    """The mean over the completion's tokens in place of their sum, which falls with every token."""
    dtype: str = "float32"
    """Of the weights; log-probabilities are float32."""
    chat_template: str | None = None
    """Jinja text or a .jinja file in place of the tokenizer's template."""
    terminal: str | None = None
    """Token that closes a text; null takes the tokenizer's end token."""

    kind: ClassVar[str] = "logprob"

    @property
    def subject(self) -> str:
        """The language model."""
        return self.policy

    def load(self, around: Surroundings) -> Reward:
        """Load the language model."""
        from rmx.scorers.likelihood import as_reward, open_language_model

        model = open_language_model(
            self.policy, around, key="scorer.logprob.policy", dtype=self.dtype, chat_template=self.chat_template
        )
        model.likelihood.per_token = self.per_token
        return as_reward(model.likelihood, [model], around, terminal=self.terminal, parameters=self)
