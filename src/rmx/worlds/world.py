"""What a synthetic preference world offers: rows, its answer key, and a gold reward for any text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rmx.worlds.best_of_n import BestOfN

__all__ = ["BestOfNKey", "GoldReader", "World"]


class GoldReader(Protocol):
    """Reads the gold reward of a text."""

    def __call__(self, prompt: str, completion: str, parameters: Mapping[str, Any] | None = None) -> float | None:
        """Return the gold reward, read from the texts alone; None where the world cannot read them."""


class BestOfNKey(Protocol):
    """Sums gold and proxy of the best of n samples by the reward that a world's labels teach."""

    def __call__(
        self, learnt: Mapping[str, Any], sampled: Mapping[str, Any], sizes: Sequence[int], *, misread: float = 0.0
    ) -> BestOfN:
        """Return the curves.

        Args:
            learnt: Parameters of the data that the reward learns from.
            sampled: Parameters of the samples.
            sizes: Values of n.
            misread: Share of prompts that the reward does not understand, as the world says.
        """


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
    gold: GoldReader
    """(prompt, completion, parameters if not the defaults) -> gold reward, read from the texts alone."""
    samples: Callable[[Mapping[str, Any], int, int], Iterator[dict[str, Any]]] | None = None
    """(parameters, prompts, answers per prompt) -> rows with id, group, prompt, completions and gold, one for each
    completion: independent answers of the policy. None where the world draws pairs alone."""
    best_of_n: BestOfNKey | None = None
    """What choosing the best of n samples does to gold, by exact computation; None where `samples` is."""
