"""Fresh completions for rows of prompts: streaming, resumable, each draw independent of what is drawn beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rmx.data.chat_template import RefusedTextError
from rmx.data.render import Renderer
from rmx.data.row_stream import Line, Row, RowSummary, map_rows, refusals, row_id
from rmx.domain import Message, Origin
from rmx.errors import DataError
from rmx.policy.engine import Drawn, Engine
from rmx.policy.streams import Stream
from rmx.score_table import prompt_id
from rmx.scorers.prompts import as_prompt

__all__ = ["CUT", "Policy", "sample_stream"]

CUT = "cut"
"""What completions that did not end count as in the summary."""


@dataclass(frozen=True)
class Policy:
    """A model that answers prompts, and all that its answers depend on."""

    engine: Engine
    renderer: Renderer
    prompt_length: int
    """Tokens that a rendered prompt may have, so that the longest completion still fits."""
    facts: Mapping[str, Any]
    """What reproduces a completion: model, lineage, how it is drawn, seed, engine. They stand in every row."""


def sample_stream(
    policy: Policy, rows: Iterable[Row], target: Path, *, job: Mapping[str, str], n: int, batch: int
) -> RowSummary:
    """Write a JSON line with n completions for each row that has a prompt.

    A line has `id` (the row's, else the prompt's hash), `prompt`, `tools` and `group` if the row has them,
    `completions` (n texts, repeats included), `finished` (whether each ended by itself; one that did not was cut) and
    `sampling`, the policy's facts. A prompt that the template refuses or that is too long has null and a `reason`. The
    file is a source of samples: `slice.samples.path`.

    Args:
        policy: What answers.
        rows: With `prompt`, text or messages.
        target: Must not exist; a partial one is continued.
        job: What else the output depends on, as for `map_rows`.
        n: Completions for each prompt.
        batch: Completions that are generated together.

    Raises:
        DataError: As for `map_rows`; and a row without a prompt, or an id that stands twice.
    """

    def work(chunk: list[Row]) -> Iterator[Line]:
        return _lines(policy, chunk, n, batch)

    return map_rows(_named(rows), target, job, work, chunk=max(1, batch // n), count=_count)


def _count(line: Line) -> Iterator[str]:
    yield from refusals(line)
    yield from (CUT for finished in line["finished"] or () if not finished)


def _named(rows: Iterable[Row]) -> Iterator[Row]:
    """Give every row an id: completions are drawn by it, so no two prompts may share one."""
    seen: dict[str, Origin] = {}
    for origin, row in rows:
        known = row.get("id") is not None
        identity = row_id(origin, row) if known else prompt_id(as_prompt(row, "prompt", origin))
        first = seen.setdefault(str(identity), origin)
        if first is not origin:
            what = f"id {identity!r} stands" if known else "this prompt, which has no id, stands"
            raise DataError(
                f"{origin.file} row {origin.row}: {what} in row {first.row} too; give every prompt once, or ids"
            )
        yield origin, {**row, "id": identity}


def _lines(policy: Policy, chunk: list[Row], n: int, batch: int) -> Iterator[Line]:
    opened = [_opened(policy, as_prompt(row, "prompt", origin)) for origin, row in chunk]
    seed = int(policy.facts["seed"])
    wanted = [
        (ids, Stream(seed, str(row["id"]), place))
        for ids, (_, row) in zip(opened, chunk, strict=True)
        if not isinstance(ids, str)
        for place in range(n)
    ]
    drawn: list[Drawn] = []
    for start in range(0, len(wanted), batch):
        prompts, streams = zip(*wanted[start : start + batch], strict=True)
        drawn += policy.engine.draw(prompts, streams)
    answers = iter(drawn)
    for ids, (_, row) in zip(opened, chunk, strict=True):
        line: dict[str, Any] = {key: row[key] for key in ("id", "prompt", "tools", "group") if row.get(key) is not None}
        if isinstance(ids, str):
            yield {**line, "completions": None, "finished": None, "reason": ids}
            continue
        mine = list(islice(answers, n))
        yield {
            **line,
            "completions": [_text(policy.renderer, answer.ids) for answer in mine],
            "finished": [answer.finished for answer in mine],
            "sampling": dict(policy.facts),
        }


def _opened(policy: Policy, prompt: tuple[Message, ...]) -> list[int] | str:
    """Return the ids of the prompt, opened for the answer, or why it cannot be asked."""
    try:
        opened = policy.renderer.split_prompt(prompt)
    except RefusedTextError as refused:
        return f"{refused.problem.reason}: {refused.problem.detail}"
    ids = policy.renderer.token_ids([opened.head + opened.rest])[0]
    if len(ids) > policy.prompt_length:
        return f"over_length: {len(ids):,} tokens, and at most {policy.prompt_length:,} leave room for an answer"
    return ids


def _text(renderer: Renderer, ids: list[int]) -> str:
    text: str = renderer.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text
