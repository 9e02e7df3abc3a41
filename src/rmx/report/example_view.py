"""Examples as the page shows them: two texts side by side, long ones folded, an edit marked where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rmx.audits.examples import Example, Side
from rmx.data.style import STYLE_FEATURES
from rmx.data.turns import readable
from rmx.domain import Candidate, Message
from rmx.report.difference import Span, changed_spans, common_start
from rmx.report.sentences import audit_name, quantity

__all__ = ["ExampleView", "Passage", "SideView", "Turn", "view_examples"]

FOLD = 600
"""Characters from which on a text is folded."""
PREVIEW = 280
"""Characters of a folded text that are shown."""
LEAD = 160
"""Characters before the first difference that a preview begins with."""
MOST = 20_000
"""Characters of one text that the page holds; the whole text is in examples.jsonl."""

_COUNTS = {"ballots", *(f"{side}_{name}" for side in ("chosen", "rejected") for name in STYLE_FEATURES)}
"""Tags that an audit reads and that say little of a single pair."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to show."""

    spans: tuple[Span, ...]
    preview: tuple[Span, ...]
    """Where it begins, or is edited first; empty of a text that is short enough to be shown whole."""
    length: int
    cut: int
    """Characters at its end that the page leaves out."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a prompt."""

    role: str
    text: Passage


@dataclass(frozen=True, slots=True)
class SideView:
    """One of two texts."""

    facts: str
    """Role, reward and length in words."""
    candidate_id: str
    prompt: tuple[Turn, ...]
    """Empty where both sides answer the same prompt."""
    text: Passage | None
    """None where the text is not at hand."""


@dataclass(frozen=True, slots=True)
class ExampleView:
    """Two texts and what became of their rewards."""

    name: str
    size: str
    tags: str
    tokens: str
    slice: str
    prompt: tuple[Turn, ...]
    """What both texts answer."""
    sides: tuple[SideView, SideView]

    @property
    def known(self) -> bool:
        """Whether both texts are at hand."""
        return all(side.text is not None for side in self.sides)


def view_examples(examples: Sequence[Example], texts: Mapping[str, Candidate]) -> list[ExampleView]:
    """Return examples for the page.

    Args:
        examples: What to show.
        texts: Texts by candidate; an example without both of its own is shown by its ids.
    """
    return [_view(example, texts) for example in examples]


def _view(example: Example, texts: Mapping[str, Candidate]) -> ExampleView:
    first, second = (texts.get(side.candidate_id or "") for side in example.sides)
    tags = [f"{audit_name(k)} {v}" for k, v in example.tags.items() if k not in _COUNTS]
    prompt: tuple[Turn, ...] = ()
    if first is None or second is None:
        sides = tuple(SideView(_facts(s), s.candidate_id or "", (), None) for s in example.sides)
    else:
        is_edit = example.sides[1].role.endswith("edited")
        completions = _passages(readable(first.completion), readable(second.completion), is_edit=is_edit)
        prompts: tuple[tuple[Turn, ...], tuple[Turn, ...]] = ((), ())
        if first.prompt == second.prompt:
            prompt = tuple(_turn(message) for message in first.prompt)
        else:
            prompts = _edited_prompts(first.prompt, second.prompt)
        sides = tuple(
            SideView(_facts(s), s.candidate_id or "", p, text)
            for s, p, text in zip(example.sides, prompts, completions, strict=True)
        )
    return ExampleView(
        name=example.name,
        size=f"{_NAMES.get(example.metric, audit_name(example.metric))} {quantity(example.size, example.metric)}",
        tags=", ".join(tags) or "none",
        tokens=_tokens(example.sides),
        slice=example.slice,
        prompt=prompt,
        sides=(sides[0], sides[1]),
    )


_NAMES = {
    "effect_sd": "effect",
    "margin_shift_sd": "margin",
    "gain_sd": "above the worst real answer",
    "gold_shift_sd": "gold",
}


def _facts(side: Side) -> str:
    parts = [side.role]
    if side.reward is not None:
        parts.append(f"reward {quantity(side.reward, 'reward')}")
    if side.tokens:
        parts.append(f"{side.tokens:,} tokens")
    return " · ".join(parts)


def _tokens(sides: tuple[Side, Side]) -> str:
    lengths = [f"{side.tokens:,}" for side in sides if side.tokens is not None]
    return ", ".join(lengths) if len(lengths) == len(sides) else "not in the table"


def _turn(message: Message) -> Turn:
    return Turn(message.role, _passage((Span(readable(message.content)),)))


def _edited_prompts(
    first: tuple[Message, ...], second: tuple[Message, ...]
) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
    """Return both prompts, the turns that differ marked; prompts of different length are shown as they are."""
    if len(first) != len(second):
        return tuple(map(_turn, first)), tuple(map(_turn, second))
    pairs = [
        _passages(readable(a.content), readable(b.content), is_edit=True) for a, b in zip(first, second, strict=True)
    ]
    return (
        tuple(Turn(m.role, texts[0]) for m, texts in zip(first, pairs, strict=True)),
        tuple(Turn(m.role, texts[1]) for m, texts in zip(second, pairs, strict=True)),
    )


def _passages(first: str, second: str, *, is_edit: bool) -> tuple[Passage, Passage]:
    """Return two texts; of an edit the previews of both begin shortly before the first difference."""
    if not is_edit or first == second:
        return _passage((Span(first),)), _passage((Span(second),))
    left, right = changed_spans(first, second)
    start = max(0, common_start(first, second) - LEAD)
    return _passage(left, start), _passage(right, start)


def _passage(spans: tuple[Span, ...], start: int = 0) -> Passage:
    length = sum(len(span.text) for span in spans)
    preview: tuple[Span, ...] = ()
    if length > FOLD:
        ellipses = [Span("…")] if start else [], [Span("…")] if start + PREVIEW < length else []
        preview = (*ellipses[0], *_window(spans, start, start + PREVIEW), *ellipses[1])
    return Passage(_window(spans, 0, MOST), preview, length, max(0, length - MOST))


def _window(spans: tuple[Span, ...], start: int, end: int) -> tuple[Span, ...]:
    """Return characters `start` to `end` of a text."""
    found, at = [], 0
    for span in spans:
        piece = span.text[max(0, start - at) : max(0, end - at)]
        if piece:
            found.append(Span(piece, span.changed))
        at += len(span.text)
    return tuple(found)
