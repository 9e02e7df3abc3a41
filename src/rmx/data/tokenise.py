"""Joint tokenisation of prompts with their completions, each distinct prompt once."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import NamedTuple, Protocol

import numpy as np

from rmx.data.chat_template import RefusedTextError
from rmx.data.comparison import Problem
from rmx.data.given_tokens import GivenTokens
from rmx.data.token_store import Tokenised, TokenStore
from rmx.domain import Message
from rmx.errors import DataError

__all__ = ["PromptText", "Text", "TextRenderer", "encode", "tokenise"]

Text = tuple[tuple[Message, ...], str]
"""A prompt and one completion of it."""

_CHUNK = 1024
"""Prompts per call of the tokenizer: enough to keep its threads busy, few enough to keep memory flat."""


class PromptText(NamedTuple):
    """A rendered prompt, cut after its last special token."""

    head: str
    """Up to and including that token; empty where the prompt has none."""
    mark: str
    """The token itself."""
    mark_id: int
    rest: str
    """What follows it: mostly the role that opens the completion."""


class TextRenderer(Protocol):
    """Turns a prompt and a completion into text and token ids; `rmx.data.render.Renderer` is the one that trains."""

    @property
    def template_hash(self) -> str:
        """Changes whenever a text would be rendered otherwise."""
        ...

    @property
    def tokenizer_fingerprint(self) -> str:
        """Changes whenever a rendered text would become other tokens."""
        ...

    def split_prompt(self, prompt: Sequence[Message]) -> PromptText:
        """Render a prompt; raises RefusedTextError."""
        ...

    def render(self, prompt: Sequence[Message], completion: str) -> str:
        """Render a whole text; raises RefusedTextError."""
        ...

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenise rendered texts, nothing padded or cut."""
        ...

    @property
    def given(self) -> GivenTokens | None:
        """Reads texts that are given as token ids; None where only text can be rendered."""
        ...

    def given_prompt(self, prompt: Sequence[Message]) -> list[int] | None:
        """Return the ids of a prompt that is given as such, None of one to render; raises RefusedTextError."""
        ...

    def continued(self, completion: str) -> list[int]:
        """Return the ids of a completion after a prompt that is given as ids; raises RefusedTextError."""
        ...


def encode(renderer: TextRenderer, texts: Sequence[Text]) -> TokenStore:
    """Render and tokenise prompts with their completions; sequence i is text i.

    Raises:
        DataError: a text cannot be rendered; names it by its number, counted from 1.
    """
    tokenised = tokenise(renderer, texts)
    for number, problem in sorted(tokenised.problems.items()):
        raise DataError(f"text {number + 1} of {len(texts)}: {problem.detail} ({problem.reason}); leave it out")
    return tokenised.store


def tokenise(renderer: TextRenderer, texts: Sequence[Text]) -> Tokenised:
    """Tokenise texts as if each whole rendered text were tokenised in one call.

    A special token is a hard boundary: the tokenizer cuts the text there before it does anything else. So the prompt up
    to its last special token is tokenised once for all its completions, and what follows it together with that token,
    for each. Texts where that does not hold (no special token, a template that renders the prompt otherwise once it is
    answered, a token that behaves unlike a boundary) are tokenised whole.
    """
    by_prompt: dict[tuple[Message, ...], list[int]] = {}
    for number, (prompt, _) in enumerate(texts):
        by_prompt.setdefault(prompt, []).append(number)
    build = _Build(renderer, texts)
    prompts = iter(by_prompt.items())
    while chunk := list(islice(prompts, _CHUNK)):
        build.add(chunk)
    return build.finish()


class _Job(NamedTuple):
    """One text of a chunk; slots are positions among the chunk's strings."""

    number: int
    prompt: PromptText
    head_slot: int
    rest_slot: int
    text: str
    slot: int
    shares: bool
    """The string at `slot` is the mark and what follows it, not the whole text."""


class _Build:
    """The growing store."""

    def __init__(self, renderer: TextRenderer, texts: Sequence[Text]) -> None:
        self._renderer = renderer
        self._texts = texts
        self._flat = array("i")
        self._problems: dict[int, Problem] = {}
        self._starts, self._lengths, self._prompts, self._completions = np.zeros((4, len(texts)), np.int64)

    def add(self, chunk: Sequence[tuple[tuple[Message, ...], list[int]]]) -> None:
        """Render and tokenise all completions of some prompts."""
        slots: dict[str, int] = {}
        jobs: list[_Job] = []
        for messages, numbers in chunk:
            try:
                given = self._renderer.given_prompt(messages)
                if given is not None:
                    self._add_given(given, numbers)
                    continue
                prompt = self._renderer.split_prompt(messages)
            except RefusedTextError as refused:
                self._refuse(numbers, refused.problem)
                continue
            head_slot = slots.setdefault(prompt.head, len(slots))
            for number in numbers:
                try:
                    text = self._renderer.render(messages, self._texts[number][1])
                except RefusedTextError as refused:
                    self._refuse([number], refused.problem)
                    continue
                shares = bool(prompt.head) and text.startswith(prompt.head)
                string = prompt.mark + text[len(prompt.head) :] if shares else text
                slot = slots.setdefault(string, len(slots))
                rest = prompt.mark + prompt.rest
                if shares and not string.startswith(rest):
                    # The template opens an answer otherwise than it renders one: only what both have is the prompt's.
                    rest = _common_start(string, rest)
                rest_slot = slots.setdefault(rest, len(slots))
                jobs.append(_Job(number, prompt, head_slot, rest_slot, text, slot, shares))
        ids = self._renderer.token_ids(list(slots))
        for job in jobs:
            self._place(job, ids)

    def finish(self) -> Tokenised:
        """Return the store; the builder is used up."""
        flat = np.frombuffer(self._flat, np.int32) if self._flat else np.zeros(0, np.int32)
        store = TokenStore(flat, self._starts, self._lengths, self._prompts, self._completions)
        return Tokenised(store, self._problems)

    def _add_given(self, prompt: list[int], numbers: Sequence[int]) -> None:
        """Place the completions of a prompt that is given as token ids."""
        for number in numbers:
            try:
                completion = self._renderer.continued(self._texts[number][1])
            except RefusedTextError as refused:
                self._refuse([number], refused.problem)
                continue
            self._starts[number] = len(self._flat)
            self._flat.fromlist(prompt)
            self._flat.fromlist(completion)
            self._lengths[number] = len(prompt) + len(completion)
            self._prompts[number] = len(prompt)
            self._completions[number] = len(completion)

    def _place(self, job: _Job, ids: Sequence[list[int]]) -> None:
        head, tail, rest = ids[job.head_slot], ids[job.slot], ids[job.rest_slot]
        joined = job.shares and head[-1:] == tail[:1] == [job.prompt.mark_id]
        if job.shares and not joined:
            tail = self._renderer.token_ids([job.text])[0]
        start = len(self._flat)
        if joined:
            self._flat.fromlist(head[:-1])
        self._flat.fromlist(tail)
        prompt_length = len(head) + len(rest) - 1 if job.prompt.head else len(rest)
        length = len(self._flat) - start
        self._starts[job.number] = start
        self._lengths[job.number] = length
        self._prompts[job.number] = len(head) if joined else 0
        # Where completion and prompt merge into one token, that token counts as the prompt's.
        self._completions[job.number] = max(1, length - prompt_length)

    def _refuse(self, numbers: Sequence[int], problem: Problem) -> None:
        for number in numbers:
            self._problems[number] = problem
            self._starts[number] = len(self._flat)


def _common_start(a: str, b: str) -> str:
    return "".join(x for x, _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
