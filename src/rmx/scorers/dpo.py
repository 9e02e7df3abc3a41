"""Kind `dpo`: the implicit reward of any policy against its reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rmx.errors import ConfigError
from rmx.scorers.kind import ScorerKind, Surroundings

if TYPE_CHECKING:
    from rmx.model.implicit_reward import Reference
    from rmx.scorers.likelihood import LanguageModel
    from rmx.scorers.reward_model import Reward

__all__ = ["DPO"]

_NORMALISE = ("summed", "per_token", "reference_free")


@dataclass(frozen=True, kw_only=True)
class DPO(ScorerKind):
    """β (log π − log π_ref) of a completion. A run of `method=dpo` is scored under its contract by `reward=RUN`."""

    policy: str
    """Causal LM: a directory, a hub id, or a local peft adapter."""
    reference: str | None = None
    """What the policy was trained from, as `policy`; null means an adapter's own base."""
    beta: float = 0.1
    """Unit of the reward; it changes no order."""
    normalise: str = "summed"
    """`summed` over the completion as DPO trains it; `per_token`, its mean; or `reference_free`, without log π_ref."""
    dtype: str = "float32"
    """Of the weights; log-probabilities are float32."""
    chat_template: str | None = None
    """Jinja text or a .jinja file in place of the tokenizer's template."""
    terminal: str | None = None
    """Token that closes a text; null takes the tokenizer's end token."""

    kind: ClassVar[str] = "dpo"

    def __post_init__(self) -> None:
        if self.normalise not in _NORMALISE:
            raise ConfigError(f"scorer.dpo.normalise: {self.normalise!r} is not valid; valid: {', '.join(_NORMALISE)}")
        if not self.beta > 0:
            raise ConfigError(f"scorer.dpo.beta: {self.beta} is out of range; give above 0")
        if self.normalise == "reference_free" and self.reference is not None:
            raise ConfigError("scorer.dpo.reference: normalise=reference_free does not read it; leave it out")

    @property
    def subject(self) -> str:
        """The policy."""
        return self.policy

    def load(self, around: Surroundings) -> Reward:
        """Load policy and reference; an adapter on its own base is one model in memory."""
        from rmx.model.implicit_reward import ImplicitReward
        from rmx.scorers.likelihood import as_reward, open_language_model

        policy = open_language_model(
            self.policy, around, key="scorer.dpo.policy", dtype=self.dtype, chat_template=self.chat_template
        )
        models, reference = self._reference(policy, around)
        mine = policy.likelihood
        network = ImplicitReward(mine.backbone, mine.head, mine.layout, beta=self.beta, reference=reference)
        network.per_token = self.normalise == "per_token"
        return as_reward(network, models, around, terminal=self.terminal, parameters=self)

    def _reference(self, policy: LanguageModel, around: Surroundings) -> tuple[list[LanguageModel], Reference]:
        """Return the models that are read, and where log π_ref comes from."""
        from rmx.model.reference_policy import AdapterDisabled, NoReference, SecondModel
        from rmx.scorers.likelihood import check_vocabularies, open_language_model

        if self.normalise == "reference_free":
            return [policy], NoReference()
        if self.reference is None:
            if not policy.adapted:
                raise ConfigError(
                    "scorer.dpo.reference: missing value; give the model that the policy was trained from, or "
                    "normalise=reference_free"
                )
            return [policy], AdapterDisabled()
        reference = open_language_model(
            self.reference,
            around,
            key="scorer.dpo.reference",
            dtype=self.dtype,
            chat_template=policy.tokenizer.chat_template,
        )
        check_vocabularies(policy, reference)
        return [policy, reference], SecondModel(reference.likelihood)
