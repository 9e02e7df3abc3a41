"""Markdown, and nothing else: the same words set with a heading, bold and bullets, or without any of them."""

from __future__ import annotations

import re

from rmx.data.text import unit_interval
from rmx.probes.probe import completion_probe
from rmx.probes.prose import INLINE_CODE, edit_lines

__all__ = ["MARKDOWN", "mark", "unmark"]

_RULE = re.compile(r"^[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*(?:\n|\Z)", re.MULTILINE)
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}|[-*+•])[ \t]+(?=\S)", re.MULTILINE)
# A star within a word is a product or a power, one between spaces a bullet or a product: neither opens.
_STARRED = re.compile(
    rf"(?P<code>{INLINE_CODE})|(?<![\w*])(?P<stars>\*{{1,3}})(?=[^\s*])(?P<text>[^\n]+?)(?<=[^\s*])(?P=stars)(?!\*)"
)
_UNDERLINED = re.compile(rf"(?P<code>{INLINE_CODE})|(?<!\w)_(?=[^\s_])(?P<text>[^\n]+?)(?<=[^\s_])_(?!\w)")

_LONGEST_HEADING = 12
"""Words; a longer sentence is set in bold."""
_MARKED_ALREADY = re.compile(r"[*_#`|<>~\\\[\]•]|^\s*(?:[-–+]|\d+[.)])", re.MULTILINE)
_NEXT_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\d\.)[ \t]+(?=[A-Z\"“‘'(])"
)


def mark(completion: str, key: str) -> str | None:
    """Return the completion with its first sentence as a heading or in bold and the others as bullets.

    None for a blank completion, and for one that has markdown already or a character that might be taken for it.
    """
    if not completion.strip() or _MARKED_ALREADY.search(completion):
        return None
    lines = [_NEXT_SENTENCE.split(line.strip()) for line in completion.strip().split("\n")]
    first, *others = lines[0]
    heads = len(first.split()) <= _LONGEST_HEADING and unit_interval(key, "markdown/lead") < 0.5
    lead = f"## {first}" if heads else f"**{first}**"
    bullet = "-" if unit_interval(key, "markdown/bullet") < 0.5 else "*"
    below = "\n".join(f"{bullet} {s}" if s else "" for sentences in [others, *lines[1:]] for s in sentences)
    return f"{lead}\n\n{below.strip()}".rstrip()


def unmark(completion: str) -> str | None:
    """Return the completion without headings, bold, italics, bullets and rules; None where it has none.

    Code, links, tables and numbers of lists stay: taking them away would take words or meaning along.
    """
    text, before = completion, None
    # Marks stand within marks: a heading in a bullet, italics in bold.
    while text != before:
        before, text = text, edit_lines(text, _unmarked)
    return text if text != completion and text.strip() else None


def _unmarked(lines: str) -> str:
    lines = _LINE_MARK.sub("", _RULE.sub("", lines))
    for emphasis in (_STARRED, _UNDERLINED):
        lines = emphasis.sub(lambda found: found["code"] or found["text"], lines)
    return lines


MARKDOWN = completion_probe("markdown", {"marked": mark, "plain": lambda completion, _: unmark(completion)})
"""The same words with markdown, or without."""
