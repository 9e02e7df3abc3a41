"""Texts as TRL's RewardTrainer renders them (trl 1.16.0, trainer/reward_trainer.py, `_prepare_dataset`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from rmx.data.chat_template import RefusedTextError
from rmx.data.control_tokens import ControlTokens, tokenizer_fingerprint
from rmx.data.render import Renderer
from rmx.data.text import digest
from rmx.data.tokenise import PromptText
from rmx.data.turns import given_ids, packed
from rmx.domain import Message
from rmx.errors import ModelError

__all__ = ["Conversation", "StandardText"]


class Conversation(Renderer):
    """The chat template's text as it is: nothing appended, and nothing cut off after the end token."""

    @cached_property
    def template_hash(self) -> str:
        """Hash of the template and of how it is used."""
        return digest("trl/conversational", super().template_hash)

    def render(self, prompt: Sequence[Message], completion: str) -> str:
        """Return the whole text.

        Raises:
            RefusedTextError: a text contains a control token, or the template refuses the dialogue.
        """
        self._control.check_prompt(prompt)
        self._control.check_completion(completion)
        return self.template.apply((*prompt, Message("assistant", completion)))


class StandardText:
    """Prompt and completion joined, the end token added, tokenised with the special tokens that the tokenizer adds.

    Args:
        tokenizer: a fast Hugging Face tokenizer with an end token.

    Raises:
        ModelError: it is not fast, or has no end token.
    """

    def __init__(self, tokenizer: Any) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError("the tokenizer is not a fast one (tokenizer.json); convert it")
        if tokenizer.eos_token is None:
            raise ModelError("the tokenizer has no end token, which TRL adds to standard texts")
        self.tokenizer = tokenizer
        self.end = str(tokenizer.eos_token)
        self.given = None
        self._control = ControlTokens(tokenizer, {})

    @property
    def template_hash(self) -> str:
        """Hash of how texts are joined."""
        return digest("trl/standard", self.end)

    @cached_property
    def tokenizer_fingerprint(self) -> str:
        """Hash of everything that decides which tokens a text becomes."""
        return tokenizer_fingerprint(self.tokenizer)

    def split_prompt(self, prompt: Sequence[Message]) -> PromptText:
        """Return the prompt as text, which is not cut: the tokenizer may join it with what follows.

        Raises:
            RefusedTextError: it has several turns, or contains a control token.
        """
        return PromptText("", "", -1, self._prompt(prompt))

    def render(self, prompt: Sequence[Message], completion: str) -> str:
        """Return the whole text, ending with the end token.

        Raises:
            RefusedTextError: the prompt has several turns, a text contains a control token, or the completion calls a
                tool.
        """
        if packed(completion):
            raise RefusedTextError(
                "malformed_dialogue", "the completion calls a tool, standard text has no words for it"
            )
        body = completion.removesuffix(self.end)
        self._control.check_completion(body)
        return self._prompt(prompt) + body + self.end

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenise rendered texts with the tokenizer's defaults."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), padding=False, truncation=False, verbose=False)["input_ids"]
        return ids

    def given_prompt(self, prompt: Sequence[Message]) -> None:
        """Return none: standard text is text; ids that the data give were not made from it."""
        if any(given_ids(message.content) is not None for message in prompt):
            raise RefusedTextError("invalid_token_ids", "the prompt is given as token ids, this form is of text")

    def continued(self, completion: str) -> list[int]:
        """Refuse: no prompt is given as ids."""
        raise RefusedTextError("invalid_token_ids", "a completion after token ids, this form is of text")

    def _prompt(self, prompt: Sequence[Message]) -> str:
        if len(prompt) != 1:
            raise RefusedTextError(
                "malformed_dialogue", f"standard text has one prompt, this has {len(prompt)} turns (scorer.trl.text)"
            )
        self._control.check_prompt(prompt)
        return prompt[0].content
