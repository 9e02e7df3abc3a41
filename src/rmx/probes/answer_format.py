"""Another way to set the same answer: where the result stands, or which sign its list items have."""

from __future__ import annotations

import re

from rmx.probes.prose import edit_lines

__all__ = ["change_format"]

_BOX = "\\boxed{"
_ANSWER_LINE = re.compile(r"\s*^#+[ \t]*Answer:?[ \t]*\n+(?P<answer>[^\n]*\S)\s*\Z", re.MULTILINE)
_ITEM = re.compile(r"^(?P<indent>[ \t]*)(?P<sign>[-*•]|\d+[.)])(?=[ \t]+\S)", re.MULTILINE)


def change_format(text: str) -> str:
    r"""Return the text in another format; unchanged where it has neither a marked answer nor a list.

    The last `\boxed{x}` becomes x, repeated at the end under a heading `# Answer`, and such an ending becomes a box: a
    change that took a strong reward model from over 95% to 73% (reWordBench, Wu et al. 2025). Otherwise the signs of
    list items change: - and *, 1. and 1).
    """
    boxed = _last_box(text)
    if boxed is not None:
        start, end, answer = boxed
        return f"{text[:start]}{answer}{text[end:]}".rstrip() + f"\n\n# Answer\n\n{answer}"
    if found := _ANSWER_LINE.search(text):
        return f"{text[: found.start()]}\n\n{_BOX}{found['answer']}}}".lstrip()
    return edit_lines(text, lambda lines: _ITEM.sub(lambda item: item["indent"] + _other_sign(item["sign"]), lines))


def _other_sign(sign: str) -> str:
    if sign[0].isdecimal():
        return sign[:-1] + (")" if sign[-1] == "." else ".")
    return "*" if sign == "-" else "-"


def _last_box(text: str) -> tuple[int, int, str] | None:
    """Return start, end and content of the last box; None without one whose braces balance."""
    start = text.rfind(_BOX)
    depth, inside = 1, start + len(_BOX)
    for i in range(inside if start >= 0 else len(text), len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return (start, i + 1, text[inside:i]) if text[inside:i].strip() else None
    return None
