"""Chat templates as text: how they are made to end, which values their variables have, which tokens they ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["close_template", "set_variables", "token_variables"]

_TOKEN_VARIABLE = re.compile(r"\b(?:bos|eos|unk|sep|pad|cls|mask)_token\b")


def close_template(text: str, *, terminal: str, written: str) -> str:
    """Return a template that gives what `text` gives, but ends a dialogue's last answer with the terminal token.

    Args:
        text: Jinja text.
        terminal: Token that shall stand last.
        written: What `text` writes at the end of an answer, the terminal token and all after it; empty where it writes
            no such token, which is then appended.
    """
    end, last = (json.dumps(part, ensure_ascii=False) for part in (written, terminal))
    closed = f"rmx_text[: rmx_text | length - {end} | length] + {last}"
    if written:
        closed = f"({closed} if rmx_text.endswith({end}) else rmx_text + {last})"
    # A newline at the very end of a template is no part of what it writes; within a block it would be.
    return (
        f"{{% set rmx_text %}}{text.removesuffix(chr(10))}{{% endset %}}"
        "{{ rmx_text if add_generation_prompt or messages[-1]['role'] != 'assistant' else " + closed + " }}"
    )


def set_variables(text: str, values: Mapping[str, Any]) -> str:
    """Return a template whose own variables have these values, whatever the program that applies it passes.

    Args:
        text: Jinja text.
        values: By name; numbers, texts, true, false, null, and lists and mappings of them.
    """
    if not values:
        return text
    # The newline after a block is no part of what it writes, and leaves the template to begin a line as it did.
    assignments = "".join(f"{{% set {name} = {_literal(value)} %}}" for name, value in values.items())
    return f"{assignments}\n{text}"


def _literal(value: Any) -> str:
    """Return a value as Jinja writes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(str(key))}: {_literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def token_variables(text: str) -> frozenset[str]:
    """Return the special tokens that a template asks for by name, such as `bos_token`."""
    return frozenset(_TOKEN_VARIABLE.findall(text))
