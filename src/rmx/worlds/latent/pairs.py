"""Pairs of a slice: two answers to a prompt and what the annotators, or gold, say of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.latent.annotators import Ballots, Votes, draw_ballots, logit
from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.policy import FRESH
from rmx.worlds.latent.responses import Prompts, Responses, draw_prompts, draw_responses
from rmx.worlds.latent.streams import Floats, Streams

__all__ = ["Pairs", "draw_pairs", "labelled_by_gold", "streams_of"]


class Pairs(NamedTuple):
    """Pairs that have a label, arrays of shape (pairs,), prompt by prompt."""

    slice: str
    prompt: NDArray[np.int64]
    """Number of the prompt in its slice."""
    place: NDArray[np.int64]
    """Number of the pair among those of its prompt."""
    prompts: Prompts
    chosen: Responses
    rejected: Responses
    ballots: Ballots | None
    """Votes, the chosen answer being the first; None where gold labels."""

    def __len__(self) -> int:
        return len(self.prompt)

    @property
    def votes(self) -> Votes | None:
        """Votes for chosen and rejected, and ties; None where gold labels."""
        return None if self.ballots is None else self.ballots.votes

    def normal(self, streams: Streams, name: str) -> Floats:
        """Return a standard normal number for each pair, which depends on its prompt and place alone."""
        found = np.zeros(len(self))
        for place in np.unique(self.place):
            rows = np.flatnonzero(self.place == place)
            numbers = streams.normal(f"{name}/{place}", int(self.prompt[rows].max()) + 1)
            found[rows] = numbers[self.prompt[rows]]
        return found


def streams_of(params: LatentParams, slice: str) -> Streams:
    """Return the streams of a slice."""
    return Streams("latent", params.seed, slice)


def labelled_by_gold(params: LatentParams, slice: str) -> bool:
    """Return whether gold labels the pairs of a slice."""
    return slice == FRESH and params.fresh_labels == "gold"


def draw_pairs(params: LatentParams, slice: str) -> Pairs:
    """Return the labelled pairs of a slice; more prompts, or more pairs per prompt, leave the others as they were."""
    streams = streams_of(params, slice)
    prompts = draw_prompts(streams, params, slice, params.prompts)
    places = [_place(streams.at("pair", k), params, slice, prompts) for k in range(params.pairs_per_prompt)]
    prompt = np.concatenate([part.prompt for part in places])
    order = np.argsort(prompt, kind="stable")
    ballots = [part.ballots for part in places if part.ballots is not None]
    return Pairs(
        slice=slice,
        prompt=prompt[order],
        place=np.repeat(np.arange(len(places)), [len(part) for part in places])[order],
        prompts=prompts.take(prompt[order]),
        chosen=_joined([part.chosen for part in places]).take(order),
        rejected=_joined([part.rejected for part in places]).take(order),
        ballots=Ballots(*(np.hstack(c) for c in zip(*ballots, strict=True))).take(order) if ballots else None,
    )


def _place(streams: Streams, params: LatentParams, slice: str, prompts: Prompts) -> Pairs:
    """Return the pair at one place of every prompt, where it has a label."""
    count = params.prompts
    first, second = (draw_responses(streams.at(side), params, slice, count) for side in ("first", "second"))
    gold = first.gold(params, prompts) - second.gold(params, prompts)
    lists = first.lists - second.lists
    ballots = None
    if labelled_by_gold(params, slice):
        first_wins, has_label = gold > 0, gold != 0
    else:
        shared = logit(params, gold, first.length - second.length, lists, first.flattery - second.flattery)
        ballots = draw_ballots(streams.at("votes"), params, shared, lists)
        votes = ballots.votes
        first_wins, has_label = votes.first > votes.second, votes.first != votes.second
    kept = np.flatnonzero(has_label)
    return Pairs(
        slice=slice,
        prompt=kept,
        place=np.zeros_like(kept),
        prompts=prompts.take(kept),
        chosen=first.or_else(first_wins, second).take(kept),
        rejected=second.or_else(first_wins, first).take(kept),
        ballots=None if ballots is None else ballots.turned(~first_wins).take(kept),
    )


def _joined(parts: list[Responses]) -> Responses:
    return Responses(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
