"""`scores/examples.jsonl`: the few texts that a report shows, beside the scores that they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rmx.audits.examples import Example, Side
from rmx.audits.files import plain
from rmx.domain import Candidate, Message
from rmx.errors import DataError
from rmx.score_table import candidate_id
from rmx.whole_file import write_jsonl

__all__ = ["EXAMPLES", "read_texts", "write_examples"]

EXAMPLES = "examples.jsonl"
"""Name of the file, in the directory of the score tables."""


def write_examples(path: Path, examples: Iterable[Example], texts: Mapping[str, Candidate]) -> None:
    """Write the examples both of whose texts are at hand, one JSON object a line; no file where none is.

    A line is an `Example`, each of its sides with `prompt` (role and content of every turn) and `completion`.
    """
    rows = [
        {**asdict(example), "sides": [_with_text(side, texts) for side in example.sides]}
        for example in examples
        if all(side.candidate_id in texts for side in example.sides)
    ]
    if not rows:
        path.unlink(missing_ok=True)  # those of an earlier attempt belong to other scores
        return
    write_jsonl(path, map(plain, rows))


def _with_text(side: Side, texts: Mapping[str, Candidate]) -> dict[str, Any]:
    text = texts[str(side.candidate_id)]
    return {**asdict(side), "prompt": [m._asdict() for m in text.prompt], "completion": text.completion}


def read_texts(path: Path) -> dict[str, Candidate]:
    """Return the texts of an examples file by candidate; none where there is no such file.

    A candidate's id is a hash of its prompt and completion, so a text belongs to the scores that name its id.

    Raises:
        DataError: A line is cut, or a text is not the one that was scored.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove it, and reports show ids instead of texts") from None
    texts: dict[str, Candidate] = {}
    for number, line in enumerate(lines, start=1):
        for text in _texts(line, f"{path}: row {number}"):
            texts[text.candidate_id] = text
    return texts


def _texts(line: str, where: str) -> Iterable[Candidate]:
    try:
        for side in json.loads(line)["sides"]:
            prompt = tuple(Message(str(turn["role"]), str(turn["content"])) for turn in side["prompt"])
            text = Candidate(str(side["candidate_id"]), prompt, str(side["completion"]))
            if candidate_id(text.prompt, text.completion) != text.candidate_id:
                raise DataError(
                    f"{where}: the text is not the one that was scored as {text.candidate_id}; "
                    "remove the file, and reports show ids instead of texts"
                )
            yield text
    except (ValueError, KeyError, TypeError):
        raise DataError(
            f"{where}: not a complete example; remove the file, and reports show ids instead of texts"
        ) from None
