"""A few rows in every format, all of the same eight questions: what a user's file looks like."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FORMATS", "Format"]

QUESTIONS = (
    ("Name a river in Germany.", "The Rhine.", "Berlin."),
    ("How many legs does a spider have?", "Eight.", "Six, like any insect, I believe."),
    ("Which planet is closest to the sun?", "Mercury is.", "That would be Venus."),
    ("Translate 'cheese' into French.", "Fromage.", "Queso."),
    ("What is the square of twelve?", "It is 144.", "124"),
    ("Who wrote Faust?", "Johann Wolfgang von Goethe wrote it.", "Schiller."),
    ("Give one synonym of 'quick'.", "Fast.", "Slow, for example."),
    ("Is glass a conductor?", "No, it insulates.", "Yes."),
)


@dataclass(frozen=True)
class Format:
    """A data format with rows of it."""

    overrides: Sequence[str]
    """What says on the command line that the data are of it."""
    rows: Sequence[Mapping[str, Any]] = field(default=())
    """Empty where the data come from elsewhere than a file."""
    tokenised: bool = False
    """Whether a row holds the token ids of its dialogues in place of their messages."""

    def lines(self, encode: Callable[[Any], list[int]]) -> str:
        """Return the rows as JSON Lines; `encode` makes token ids of a list of messages."""
        rows = [{f"{k}_ids": encode(v) for k, v in row.items()} for row in self.rows] if self.tokenised else self.rows
        return "".join(json.dumps(row) + "\n" for row in rows)


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _styles(text: str) -> list[str]:
    return [text, f"{text} There is more to say of it.", f"**{text}**"]


_SYSTEM = {"role": "system", "content": "Answer briefly."}
_LOOK_UP = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"what": {"type": "string"}}}},
}


def _call(what: str) -> dict[str, Any]:
    return {
        "role": "assistant",
        "tool_calls": [{"type": "function", "function": {"name": "look_up", "arguments": {"what": what}}}],
    }


_DIALOGUE = "\n\nHuman: Hello.\n\nAssistant: Hello, what is it?\n\nHuman: {}\n\nAssistant: {}"

FORMATS: dict[str, Format] = {
    "pairs, text": Format(
        ["data=jsonl", "data.columns.prompt=prompt"],
        [{"prompt": q, "chosen": a, "rejected": b} for q, a, b in QUESTIONS],
    ),
    "pairs, messages": Format(
        ["data=jsonl"],
        [
            {"chosen": [_SYSTEM, _user(q), _assistant(a)], "rejected": [_SYSTEM, _user(q), _assistant(b)]}
            for q, a, b in QUESTIONS
        ],
    ),
    "hh_dialogue": Format(
        ["data=hh"],
        [{"chosen": _DIALOGUE.format(q, a), "rejected": _DIALOGUE.format(q, b)} for q, a, b in QUESTIONS],
    ),
    "comparison": Format(
        ["data=llmbar"],
        [
            {"input": q, "output_1": (a, b)[k % 2], "output_2": (b, a)[k % 2], "label": 1 + k % 2}
            for k, (q, a, b) in enumerate(QUESTIONS)
        ],
    ),
    "votes": Format(
        ["data=pandalm", "data.annotators=soft_label"],
        [
            {"instruction": q, "input": "", "response1": a, "response2": b}
            | {"annotator1": 1, "annotator2": 1, "annotator3": 1 + k % 2}
            for k, (q, a, b) in enumerate(QUESTIONS)
        ],
    ),
    "style_triplets": Format(
        ["data=rm_bench", "data.columns.tags=[]"],
        [{"prompt": q, "chosen": _styles(a), "rejected": _styles(b)} for q, a, b in QUESTIONS],
    ),
    "answer_lists": Format(
        ["data=jsonl", "data.format=answer_lists"],
        [
            {"id": str(k), "prompt": q, "chosen": [a], "rejected": [b, "I do not know."]}
            for k, (q, a, b) in enumerate(QUESTIONS)
        ],
    ),
    "tool calls": Format(
        ["data=jsonl", "data.columns.prompt=prompt"],
        [
            {
                "prompt": [_user(q), _call(q), {"role": "tool", "content": f"{a} {b}"}],
                "chosen": [_assistant(a)] if k % 2 else [_call(a)],
                "rejected": [_assistant(b)],
                "tools": [_LOOK_UP] if k % 2 else json.dumps([_LOOK_UP]),
            }
            for k, (q, a, b) in enumerate(QUESTIONS)
        ],
    ),
    "rankings": Format(
        ["data=rankings", "data.columns.scores=scores", "loss=plackett_luce"],
        [
            {"prompt": q, "completions": [b, a, "I do not know."], "scores": [k % 3, 5, 1.5]}
            for k, (q, a, b) in enumerate(QUESTIONS)
        ],
    ),
    "token ids": Format(
        ["data=token_ids"],
        [{"chosen": [_user(q), _assistant(a)], "rejected": [_user(q), _assistant(b)]} for q, a, b in QUESTIONS],
        tokenised=True,
    ),
    "mixture": Format(
        [
            "data=mixture",
            "+data@data.sources.mine=jsonl",
            "+data@data.sources.desk=access_desk",
            "data.sources.mine.weight=1",
            "data.sources.desk.weight=1",
            "data.sources.desk.world.pairs=24",
        ],
        [{"chosen": [_user(q), _assistant(a)], "rejected": [_user(q), _assistant(b)]} for q, a, b in QUESTIONS],
    ),
    "stream": Format(
        ["data=jsonl", "data.columns.prompt=prompt", "data.stream=true"],
        [{"prompt": q, "chosen": a, "rejected": b} for q, a, b in QUESTIONS],
    ),
    "synthetic": Format(["data=synthetic", "data.world.pairs=24"]),
}
"""By the name of the format, or of what is special about the rows."""
