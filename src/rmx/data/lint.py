"""What a chat template and its tokenizer do that would bend a reward: found before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from rmx.data.chat_template import RefusedTextError, time_limit
from rmx.data.render import Renderer
from rmx.domain import Message
from rmx.errors import ModelError

__all__ = ["Finding", "Severity", "check_renderer", "lint"]

Severity = Literal["error", "warning", "note"]


class Finding(NamedTuple):
    """One trap: `error` makes rewards meaningless or unrepeatable, `warning` bends them, `note` catches others."""

    code: str
    severity: Severity
    message: str


_ANSWER = " An answer, with a space before it."
_PROBES: tuple[tuple[Message, ...], ...] = (
    (Message("user", "A question?"),),
    (Message("system", "Be brief."), Message("user", "A question?")),
    (Message("user", "A question?"), Message("assistant", "An answer."), Message("user", "Another one?\n")),
)
_DAYS = (datetime(2001, 1, 3, 4, 5, 6), datetime(2042, 11, 28, 17, 38, 49))
_DATE_CODES = "YymBbdjAaHMS"
_DATE_CALL = re.compile(r"\bstrftime_now\s*\(")


def lint(renderer: Renderer) -> list[Finding]:
    """Try the template on a few dialogues and return what it does wrong, the worst first.

    Raises:
        ModelError: the template does not end on one of them.
    """
    with time_limit():
        prompts = [p for p in _PROBES if _renders(renderer, p)]
        if random := list(_random(renderer, prompts)):
            # Nothing else that is observed of it means anything.
            return random
        findings = [
            *_double_bos(renderer, prompts),
            *_date(renderer, prompts),
            *_terminal(renderer, prompts),
            *_prompts(renderer, prompts),
            *_pad(renderer),
        ]
    order: tuple[Severity, ...] = ("error", "warning", "note")
    return sorted(findings, key=lambda f: order.index(f.severity))


def check_renderer(renderer: Renderer) -> list[Finding]:
    """Return the findings of `lint` that one can live with.

    Raises:
        ModelError: one of them is an error.
    """
    findings = lint(renderer)
    for finding in findings:
        if finding.severity == "error":
            raise ModelError(f"chat template: {finding.message} ({finding.code})")
    return findings


def _renders(renderer: Renderer, prompt: Sequence[Message]) -> bool:
    """Return whether the template takes the dialogue: some have no system role, which is no fault."""
    try:
        renderer.render(prompt, _ANSWER)
        renderer.split_prompt(prompt)
    except RefusedTextError:
        return False
    return True


def _double_bos(renderer: Renderer, prompts: Sequence[Sequence[Message]]) -> Iterator[Finding]:
    tokenizer, bos = renderer.tokenizer, renderer.tokenizer.bos_token_id
    if bos is None:
        return
    ids = renderer.token_ids([renderer.render(prompts[0], _ANSWER)])[0]
    adds = tokenizer("a", add_special_tokens=True)["input_ids"][:1] == [bos]
    if ids[:2] == [bos, bos]:
        message = f"texts begin with {tokenizer.bos_token} twice; set model.chat_template to one that writes it once"
        yield Finding("double_bos", "error", message)
    elif adds and ids[:1] == [bos]:
        yield Finding(
            "double_bos",
            "note",
            f"template and tokenizer both write {tokenizer.bos_token}; rmx keeps the template's, other programs must "
            "tokenise rendered texts with add_special_tokens=False",
        )
    elif adds:
        yield Finding(
            "missing_bos",
            "warning",
            f"the tokenizer puts {tokenizer.bos_token} before a text but the template does not write it, so texts "
            "begin without; add {{ bos_token }} to the template in model.chat_template if the model expects it",
        )


def _random(renderer: Renderer, prompts: Sequence[Sequence[Message]]) -> Iterator[Finding]:
    for prompt in prompts:
        dialogue = (*prompt, Message("assistant", _ANSWER))
        if len({renderer.template.apply(dialogue) for _ in range(4)}) > 1:
            message = "renders one dialogue in different ways; set model.chat_template to one without randomness"
            yield Finding("non_deterministic", "error", message)
            return


def _date(renderer: Renderer, prompts: Sequence[Sequence[Message]]) -> Iterator[Finding]:
    if not _DATE_CALL.search(renderer.template.text):
        return
    remedy = "set model.chat_template to a copy with a fixed date in place of strftime_now"
    if any(len({_on_day(renderer, prompt, day) for day in _DAYS}) > 1 for prompt in prompts):
        message = f"writes today's date into texts, so that rewards change from day to day; {remedy}"
        yield Finding("date", "error", message)
    else:
        message = f"asks for today's date, though not for the dialogues tried; {remedy} if yours take that branch"
        yield Finding("date", "warning", message)


def _on_day(renderer: Renderer, prompt: Sequence[Message], day: datetime) -> str:
    """Return the dialogue as rendered on another day: a macro of the same name hides the sandbox's clock."""
    filled = "".join(f" | replace('%{code}', '{day.strftime('%' + code)}')" for code in _DATE_CODES)
    prelude = f"{{% macro strftime_now(format) %}}{{{{ format{filled} }}}}{{% endmacro %}}"
    try:
        return renderer.template.apply((*prompt, Message("assistant", _ANSWER)), prelude=prelude)
    except RefusedTextError:
        # It computes with a part of the date that the macro does not know.
        return str(day)


def _terminal(renderer: Renderer, prompts: Sequence[Sequence[Message]]) -> Iterator[Finding]:
    terminal, suffix = renderer.terminal, renderer.suffix
    special = {i for i, token in renderer.tokenizer.added_tokens_decoder.items() if token.special}
    ends = {ids[-1] for ids in renderer.token_ids([renderer.render(p, _ANSWER) for p in prompts])}
    if renderer.terminal_id not in special or ends != {renderer.terminal_id}:
        yield Finding(
            "terminal_not_special",
            "error",
            f"the terminal token {terminal!r} is no special token, so that ordinary text can contain it or merge with "
            "it; set model.terminal to a special token of the tokenizer",
        )
        return
    _, closed, trailer = suffix.partition(terminal)
    if not closed:
        closers = sorted(token for token in renderer.control_tokens if token in suffix)
        other = f" but {closers[0]}" if closers else ""
        yield Finding(
            "terminal_appended",
            "warning",
            f"the template does not close an answer with {terminal}{other}; rmx appends {terminal}, serving must too"
            + (f", or set model.terminal='{closers[0]}'" if closers else ""),
        )
    elif trailer:
        yield Finding(
            "terminal_not_last",
            "note",
            f"the template writes {trailer!r} after {terminal}; rmx cuts it off, a program that pools the last token "
            "of the plain template's text reads another position",
        )


def _prompts(renderer: Renderer, prompts: Sequence[Sequence[Message]]) -> Iterator[Finding]:
    apply = renderer.template.apply
    opened = [apply(p, generation_prompt=True) for p in prompts]
    if all(text == apply(p) for p, text in zip(prompts, opened, strict=True)):
        yield Finding(
            "no_generation_prompt",
            "warning",
            "the template has no generation prompt (add_generation_prompt changes nothing): a policy that samples with "
            "it answers without an opened assistant turn",
        )
    whole = [renderer.render(p, _ANSWER) for p in prompts]
    if not all(text.startswith(before) for text, before in zip(whole, opened, strict=True)):
        yield Finding(
            "not_prefix_consistent",
            "warning",
            "an answered prompt does not begin with the prompt as opened for the answer: rewards judge another context "
            "than a policy sees when it samples; texts are tokenised whole where no prefix is shared",
        )


def _pad(renderer: Renderer) -> Iterator[Finding]:
    tokenizer = renderer.tokenizer
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id == renderer.terminal_id:
        yield Finding(
            "pad_is_terminal",
            "note",
            f"the pad token is {renderer.terminal} too; rmx pools by position, transformers' own head would read one "
            "token early, so the export gets another pad token",
        )
