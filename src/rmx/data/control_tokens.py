"""What a tokenizer does to a text that its author could misuse or that a cache must know."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rmx.data.chat_template import RefusedTextError
from rmx.data.text import digest
from rmx.data.turns import strings
from rmx.domain import Message

__all__ = ["ControlTokens", "tokenizer_fingerprint"]


class ControlTokens:
    """Tokens that steer a model: no prompt or completion may contain one.

    A control token in a text would act as one: close the turn, open another role.

    Args:
        tokenizer: a Hugging Face tokenizer.
        others: further tokens by their text, with their ids.
    """

    def __init__(self, tokenizer: Any, others: Mapping[str, int]) -> None:
        added = {str(token): i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        named = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
        self.ids: dict[str, int] = {**added, **named, **others}
        """By their text."""
        # The longest first: the one found is the one that the tokenizer would take.
        self.pattern = re.compile("|".join(map(re.escape, sorted(self.ids, key=len, reverse=True))))
        self._normalizer = _lenient_normalizer(tokenizer)

    def check(self, text: str) -> str | None:
        """Return why a text may not stand in a prompt or completion, or None."""
        found = self.pattern.search(text)
        if found is None and self._normalizer is not None:
            found = self.pattern.search(self._normalizer.normalize_str(text))
        if found is not None:
            return f"contains the control token {found[0]}"
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return "contains an unpaired surrogate"
        return None

    def check_prompt(self, prompt: Sequence[Message]) -> None:
        """Refuse a prompt one of whose turns may not stand in it.

        Raises:
            RefusedTextError: names the turn.
        """
        for turn, message in enumerate(prompt, start=1):
            if wrong := self._check_turn(message):
                raise RefusedTextError("invalid_text", f"turn {turn} of the prompt {wrong}")

    def check_completion(self, completion: str) -> None:
        """Refuse a completion that may not stand in a text.

        Raises:
            RefusedTextError: says what it contains.
        """
        if wrong := self._check_turn(Message("assistant", completion)):
            raise RefusedTextError("invalid_text", f"the completion {wrong}")

    def _check_turn(self, message: Message) -> str | None:
        return next((wrong for text in strings(message) if (wrong := self.check(text))), None)


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """Return a hash of everything that decides which tokens a text becomes."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    # Left behind by whoever called the tokenizer last; no part of how texts are tokenised here.
    state.pop("truncation", None)
    state.pop("padding", None)
    return digest(json.dumps(state, sort_keys=True))


def _lenient_normalizer(tokenizer: Any) -> Any:
    """Return the normaliser where the tokenizer finds control tokens only after normalising the text."""
    decoder = tokenizer.added_tokens_decoder.values()
    return tokenizer.backend_tokenizer.normalizer if any(t.special and t.normalized for t in decoder) else None
