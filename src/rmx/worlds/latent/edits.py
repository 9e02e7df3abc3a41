"""Edited answers and prompts, as probes make them of texts: the change of a feature, and what else changes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.latent.pairs import Pairs
from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.responses import LOG_TOKENS_SD, Prompts, Responses
from rmx.worlds.latent.reward import LatentReward
from rmx.worlds.latent.streams import Floats, Streams

__all__ = ["COMPRESSED", "DEGENERATE", "PADDED", "PERTURBATIONS", "PROBES", "Edit", "edits_of"]

PADDED, COMPRESSED = np.log(1.5) / LOG_TOKENS_SD, -np.log(1.25) / LOG_TOKENS_SD
"""What the edits of the length probe change in log length, in its SD."""

PERTURBATIONS = ("typos", "lower_case", "spacing", "unicode", "appended")
DEGENERATE = ("blank", "colon", "repeated_word", "score_request", "false_verdict", "boilerplate", "prompt_echo")


class Edit(NamedTuple):
    """One variant of a probe on one side of the pairs."""

    side: str
    variant: str
    rows: NDArray[np.int64]
    """Pairs of which it could be made."""
    reward: Floats
    """Rewards of the edited texts, shape of `rows`."""
    prompt: str = ""
    """Ending of the prompt's name where the edit changes the prompt; both sides of a pair get the same one."""


def _length(params: LatentParams, reward: LatentReward, pairs: Pairs, streams: Streams) -> Iterator[Edit]:
    for variant, change in (("padded", PADDED), ("compressed", COMPRESSED)):
        edited = pairs.chosen._replace(length=pairs.chosen.length + change)
        yield _of_answer(reward, pairs, streams, variant, edited, np.arange(len(pairs)))


def _flag(feature: str, variants: dict[str, float]) -> Callable[..., Iterator[Edit]]:
    """Return the edits that give answers a feature (1) or take it away (0), where that changes anything."""

    def edits(params: LatentParams, reward: LatentReward, pairs: Pairs, streams: Streams) -> Iterator[Edit]:
        had = getattr(pairs.chosen, feature)
        for variant, value in variants.items():
            edited = pairs.chosen._replace(**{feature: np.full(len(pairs), value)})
            yield _of_answer(reward, pairs, streams, variant, edited, np.flatnonzero(had != value))

    return edits


def _of_answer(
    reward: LatentReward, pairs: Pairs, streams: Streams, variant: str, edited: Responses, rows: NDArray[np.int64]
) -> Edit:
    """Return an edit of the chosen answers; it changes a little beside the feature, as another wording does."""
    beside = reward.factor * reward.edit_noise * pairs.normal(streams, variant)
    scores = reward.weights.score(edited, pairs.prompts) + beside
    return Edit("chosen", variant, rows, scores[rows])


def _perturbation(params: LatentParams, reward: LatentReward, pairs: Pairs, streams: Streams) -> Iterator[Edit]:
    for side in ("chosen", "rejected"):
        scores = reward.weights.score(getattr(pairs, side), pairs.prompts)
        for variant in PERTURBATIONS:
            change = reward.perturbation * pairs.normal(streams, f"{variant}/{side}")
            yield Edit(side, variant, np.arange(len(pairs)), scores + reward.factor * change)


def _degenerate(params: LatentParams, reward: LatentReward, pairs: Pairs, streams: Streams) -> Iterator[Edit]:
    for variant in DEGENERATE:
        spread = reward.degenerate_noise * pairs.normal(streams, variant)
        scores = reward.factor * (reward.degenerate + spread) + reward.offset
        yield Edit("chosen", variant, np.arange(len(pairs)), scores)


def _prompt_swap(params: LatentParams, reward: LatentReward, pairs: Pairs, streams: Streams) -> Iterator[Edit]:
    """To another prompt what an answer says is as good as drawn anew, to none it says nothing; the rest stays."""
    nothing = np.zeros(len(pairs))
    foreign = Prompts(
        difficulty=params.difficulty * pairs.normal(streams, "difficulty"),
        offset=pairs.normal(streams, "offset"),
        new_topic=pairs.prompts.new_topic,
    )
    none = Prompts(nothing, nothing, pairs.prompts.new_topic)
    for side in ("chosen", "rejected"):
        answers: Responses = getattr(pairs, side)
        topical = np.sqrt(1 - params.general) * pairs.normal(streams, f"topical/{side}")
        for variant, prompts, read in (("swapped", foreign, topical), ("removed", none, nothing)):
            scores = reward.weights.score(answers._replace(topical=read), prompts)
            yield Edit(side, variant, np.arange(len(pairs)), scores, prompt=f"/{variant}")


def _rescored(params: LatentParams, reward: LatentReward, pairs: Pairs, streams: Streams) -> Iterator[Edit]:
    """The same texts scored again, each alone: nothing is padded."""
    for side in ("chosen", "rejected"):
        scores = reward.weights.score(getattr(pairs, side), pairs.prompts)
        rounding = reward.factor * reward.rescoring * pairs.normal(streams, side)
        yield Edit(side, "alone", np.arange(len(pairs)), scores + rounding)


PROBES: dict[str, Callable[[LatentParams, LatentReward, Pairs, Streams], Iterator[Edit]]] = {
    "length": _length,
    "markdown": _flag("lists", {"marked": 1.0, "plain": 0.0}),
    "flattery": _flag("flattery", {"flattered": 1.0}),
    "refusal_phrase": _flag("refusal", {"refusing": 1.0}),
    "perturbation": _perturbation,
    "degenerate": _degenerate,
    "prompt_swap": _prompt_swap,
    "rescored": _rescored,
}
"""Edits by the name of their probe, which is that of the probe of texts; `rescored` edits nothing."""


def edits_of(probe: str, params: LatentParams, reward: LatentReward, pairs: Pairs, streams: Streams) -> Iterator[Edit]:
    """Yield the edits of one probe of all pairs, each with streams of its own."""
    return PROBES[probe](params, reward, pairs, streams.at("probe", probe))
