"""HH dialogues: whole conversations as text, turns opened by `Human:` and `Assistant:` after an empty line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison, Dialogue, Problem
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields, text_field
from rmx.domain import Message, Origin

__all__ = ["HhColumns", "hh_dialogue_adapter", "parse_dialogue"]

_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}


@dataclass(frozen=True, kw_only=True)
class HhColumns(CommonColumns):
    """Which column plays which part."""

    chosen: str = "chosen"
    rejected: str = "rejected"


def parse_dialogue(text: str) -> tuple[Dialogue, str]:
    """Return the turns of a dialogue, and what is wrong with the text, empty if nothing.

    White space around a turn belongs to the marker and is taken off.
    """
    before, *parts = _TURN.split(text)
    turns = tuple(Message(_ROLES[role], content.strip()) for role, content in zip(parts[::2], parts[1::2], strict=True))
    if before.strip():
        return turns, "text before the first turn"
    return turns, "" if turns else "no Human: or Assistant: turn"


def hh_dialogue_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns checked."""
    columns = build_strict(HhColumns, data.columns, where="data.columns")

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        chosen = text_field(origin, row, columns.chosen, "chosen")
        rejected = text_field(origin, row, columns.rejected, "rejected")
        first, wrong = parse_dialogue(chosen)
        # The two sides mostly share all but the last turn: parse the shared text once.
        head = chosen.rfind("\n\nAssistant:")
        shared = head > 0 and rejected.startswith(chosen[:head]) and rejected.rfind("\n\nAssistant:") == head
        if shared and "\n\nHuman:" not in chosen[head:] + rejected[head:]:
            second, wrong_second = first[:-1] + parse_dialogue(rejected[head:])[0], wrong
        else:
            second, wrong_second = parse_dialogue(rejected)
        yield Comparison(
            origin,
            first,
            second,
            "first",
            problem=Problem("malformed_dialogue", wrong or wrong_second) if wrong or wrong_second else None,
            **common_fields(origin, row, columns, data.label_source),
        )

    return adapt
