"""The rendering contract: chat template, terminal token, and which texts may pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from rmx.data.chat_template import ChatTemplate, RefusedTextError, time_limit
from rmx.data.control_tokens import ControlTokens, tokenizer_fingerprint
from rmx.data.given_tokens import GivenTokens
from rmx.data.template_text import close_template
from rmx.data.text import digest
from rmx.data.token_store import TokenStore
from rmx.data.tokenise import PromptText, Text, encode
from rmx.domain import Message
from rmx.errors import ModelError

__all__ = ["Renderer"]

_CONTRACT = "1"
"""Part of every template hash; to be raised when the same template and terminal token would render otherwise."""
_USER = Message("user", "zq ask")
_ANSWER = "zq answer"


class Renderer:
    """Turns a prompt and a completion into text and token ids, the same way in training, evaluation and serving.

    A rendered text is what the chat template makes of prompt and completion, up to and including the terminal token
    after the completion. What the template writes after that token is cut off; where the template writes none, it is
    appended. So the last token of every text is the terminal token, and its position is the one that is pooled.

    Args:
        tokenizer: a fast Hugging Face tokenizer.
        template: jinja text in place of the tokenizer's own chat template.
        terminal: the token that closes a text; None takes the tokenizer's end token, of an encoder the separator.

    Raises:
        ModelError: no chat template, no terminal token, or a template that cannot render a question with its answer.
    """

    def __init__(self, tokenizer: Any, *, template: str | None = None, terminal: str | None = None) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError("the tokenizer is not a fast one (tokenizer.json); convert it and set model.source to it")
        self.tokenizer = tokenizer
        self.template = ChatTemplate(tokenizer, template)
        self.terminal: str = self._terminal(terminal)
        ids = self.token_ids([self.terminal])[0]
        if len(ids) != 1 or (ids[0] == tokenizer.unk_token_id and self.terminal != tokenizer.unk_token):
            raise ModelError(
                f"model.terminal {self.terminal!r} is {len(ids)} tokens or unknown to the tokenizer; "
                "set model.terminal to one special token, such as the one that closes a turn in the chat template"
            )
        self.terminal_id: int = ids[0]
        self._control = ControlTokens(tokenizer, {self.terminal: self.terminal_id})
        self.control_tokens = self._control.ids
        """Tokens that steer the model, by their text: no prompt or completion may contain one."""
        self.suffix: str
        """What the template writes after a completion."""
        self._trailer: str | None
        self._probe()
        self.given = GivenTokens(tokenizer, self.terminal_id, self._opening())
        """Reads texts that the data give as token ids."""

    @property
    def terminal_policy(self) -> str:
        """How a text ends, in words."""
        how = "appended" if self._trailer is None else "as the chat template writes it, nothing after it"
        return f"ends with {self.terminal} (token {self.terminal_id}), {how}"

    @property
    def closed_template(self) -> str:
        """The template, made to end an answer where this renderer does: what other programs render then ends there too.

        The template itself where it ends so already. Dialogues that do not end with an answer are left as they are.
        """
        if self._trailer == "":
            return self.template.text
        written = self.terminal + self._trailer if self._trailer is not None else ""
        return close_template(self.template.text, terminal=self.terminal, written=written)

    @cached_property
    def template_hash(self) -> str:
        """Hash of the template, the special tokens it asks for, and the terminal token."""
        named = [f"{name}={token}" for name, token in sorted(self.template.special_tokens.items())]
        return digest(_CONTRACT, self.template.text, self.terminal, *named)

    @cached_property
    def tokenizer_fingerprint(self) -> str:
        """Hash of everything that decides which tokens a text becomes."""
        return tokenizer_fingerprint(self.tokenizer)

    def check(self, text: str) -> str | None:
        """Return why a text may not stand in a prompt or completion, or None.

        A control token in a text would act as one: close the turn, open another role.
        """
        return self._control.check(text)

    def render(self, prompt: Sequence[Message], completion: str) -> str:
        """Return the whole text, ending with the terminal token.

        Raises:
            RefusedTextError: a text contains a control token, or the template refuses the dialogue.
        """
        self._control.check_prompt(prompt)
        self._control.check_completion(completion)
        text = self.template.apply((*prompt, Message("assistant", completion)))
        if self._trailer is not None and text.endswith(self.terminal + self._trailer):
            return text[: len(text) - len(self._trailer)]
        return text + self.terminal

    def split_prompt(self, prompt: Sequence[Message]) -> PromptText:
        """Return the prompt as text, opened for the assistant's turn and cut after its last special token.

        Raises:
            RefusedTextError: a text contains a control token, or the template refuses the dialogue.
        """
        self._control.check_prompt(prompt)
        text = self.template.apply(prompt, generation_prompt=True)
        end, mark = max(((text.rfind(m) + len(m), m) for m in self._marks if m in text), default=(0, ""))
        return PromptText(text[:end], mark, self.control_tokens.get(mark, -1), text[end:])

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenise rendered texts: no special tokens added (the template wrote them), nothing padded or cut."""
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            padding=False,
            truncation=False,
            split_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def given_prompt(self, prompt: Sequence[Message]) -> list[int] | None:
        """Return the ids of a prompt that is given as such, None of one to render.

        Raises:
            RefusedTextError: they are of another tokenizer.
        """
        return self.given.of_prompt(prompt)

    def continued(self, completion: str) -> list[int]:
        """Return the ids of a completion after a prompt that is given as ids: its own, or those of its text, closed.

        Raises:
            RefusedTextError: the ids are of another tokenizer, or the text contains a control token.
        """
        ids = self.given.of_completion(completion)
        if ids is not None:
            return ids
        self._control.check_completion(completion)
        return [*self.token_ids([completion])[0], self.terminal_id]

    def encode(self, texts: Sequence[Text]) -> TokenStore:
        """Render and tokenise prompts with their completions; sequence i is text i.

        Raises:
            DataError: a text cannot be rendered; names it by its number, counted from 1.
        """
        return encode(self, texts)

    def _terminal(self, given: str | None) -> str:
        terminal = given or self.tokenizer.eos_token or self.tokenizer.sep_token
        if terminal is None:
            raise ModelError("the tokenizer has no end token; set model.terminal to the token that closes a turn")
        return str(terminal)

    def _opening(self) -> list[int]:
        """Return the ids from the last special token of an asked question on; none where the template has none."""
        asked = self.split_prompt([_USER])
        return self.token_ids([asked.mark + asked.rest])[0] if asked.mark else []

    def _probe(self) -> None:
        """Learn what the template writes around a completion."""
        try:
            with time_limit():
                opened = self.template.apply([_USER], generation_prompt=True)
                answered = self.template.apply([_USER, Message("assistant", _ANSWER)])
        except RefusedTextError as refused:
            raise ModelError(
                f"a question with its answer cannot be rendered: {refused.problem.detail}; set model.chat_template"
            ) from None
        before, found, self.suffix = answered.rpartition(_ANSWER)
        if not found or _USER.content not in before:
            raise ModelError(
                "the chat template leaves out the question or its answer; set model.chat_template to one that does not"
            )
        _, closed, trailer = self.suffix.partition(self.terminal)
        self._trailer = trailer if closed else None
        self._marks = tuple(sorted({found[0] for found in self._control.pattern.finditer(opened)}, key=len))
