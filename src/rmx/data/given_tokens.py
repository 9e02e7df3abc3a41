"""Texts that the data give as token ids: what they say, and how exactly those ids reach the model (ADR 19)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import takewhile
from typing import Any

from rmx.data.chat_template import RefusedTextError
from rmx.data.text import digest
from rmx.data.turns import given_ids, pack
from rmx.domain import Message

__all__ = ["GivenTokens"]


class GivenTokens:
    """Reads token ids of one tokenizer, and refuses those of another.

    Args:
        tokenizer: a fast Hugging Face tokenizer.
        terminal_id: the token that closes every text.
        opening: the ids with which the chat template opens an answer, where a special token begins them.
    """

    def __init__(self, tokenizer: Any, terminal_id: int, opening: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self.terminal_id = terminal_id
        self.opening = list(opening)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of which text each id stands for; added tokens do not count, an export may have one more to pad with."""
        state = json.loads(self._tokenizer.backend_tokenizer.to_str())
        return digest(json.dumps(state["model"], sort_keys=True))

    def problem(self, ids: Sequence[Any]) -> str | None:
        """Return why a sequence cannot be scored as it is, or None."""
        size = len(self._tokenizer)
        for place, token in enumerate(ids, start=1):
            if isinstance(token, bool) or not isinstance(token, int) or not 0 <= token < size:
                return f"{token!r} at place {place} is no id of the tokenizer's {size:,}"
        if not ids or ids[-1] != self.terminal_id:
            last = f"ends with {ids[-1]}" if ids else "is empty"
            return f"{last}, not with the terminal token {self.terminal_id} (model.terminal)"
        return None

    def prompt_length(self, chosen: Sequence[int], rejected: Sequence[int]) -> int:
        """Return how many ids are the prompt's: up to where the answers are opened, else all that both begin with.

        Answers may begin alike. What they share is theirs, or pairs of one prompt would have prompts that differ, and
        stand on both sides of a split.
        """
        pairs = zip(chosen, rejected, strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        size = len(self.opening)
        ends = range(shared, size - 1, -1) if size else ()
        return next((end for end in ends if list(chosen[end - size : end]) == self.opening), shared)

    def prompt(self, ids: Sequence[int]) -> Message:
        """Return the turn that stands for what comes before a completion."""
        return Message("user", self._packed(ids, ids))

    def completion(self, ids: Sequence[int]) -> Message:
        """Return the turn of a completion; the terminal token is no part of its text."""
        return Message("assistant", self._packed(ids, ids[:-1]))

    def of_prompt(self, prompt: Sequence[Message]) -> list[int] | None:
        """Return the ids of a prompt that is given as such, None of one that is text.

        Raises:
            RefusedTextError: they are of another tokenizer.
        """
        return self._ids(prompt[0].content) if len(prompt) == 1 else None

    def of_completion(self, completion: str) -> list[int] | None:
        """Return the ids of a completion that is given as such, None of one that is text.

        Raises:
            RefusedTextError: they are of another tokenizer.
        """
        return self._ids(completion)

    def _packed(self, ids: Sequence[int], said: Sequence[int]) -> str:
        text = self._tokenizer.decode(list(said), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return pack(text, {"token_ids": {"tokenizer": self.fingerprint, "ids": list(ids)}})

    def _ids(self, text: str) -> list[int] | None:
        found = given_ids(text)
        if found is None:
            return None
        tokenizer, ids = found
        if tokenizer != self.fingerprint:
            raise RefusedTextError("invalid_token_ids", "the ids given are those of another tokenizer")
        return ids
