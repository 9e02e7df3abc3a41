"""What a synthetic preference world offers: rows, its answer key, and a gold reward for any text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["World"]


@dataclass(frozen=True)
class World:
    """A generator of preference rows whose truth is known.

    `parameters` are plain mappings (`data.world` without its name); each function checks them strictly.
    """

    name: str
    rows: Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]
    """parameters -> rows with id, group, prompt, chosen, rejected, label_source, gold_chosen, gold_rejected, tags, and
    votes where several annotators voted. The same parameters give the same rows on every machine."""
    key: Callable[[Mapping[str, Any]], dict[str, float]]
    """parameters -> what is true of the world by exact computation, by name."""
    gold: Callable[[str, str], float | None]
    """(prompt, completion) -> gold reward, read from the texts alone; None where the world cannot read them."""
    samples: Callable[[Mapping[str, Any], int, int], Iterator[dict[str, Any]]] | None = None
    """(parameters, prompts, answers per prompt) -> rows with id, group, prompt, completions and gold, one for each
    completion: independent answers of the policy. None where the world draws pairs alone."""
