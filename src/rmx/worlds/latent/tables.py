"""The latent world as audits read it: score tables and candidates by slice, and a ledger of its splits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rmx.score_table import CANDIDATE_COLUMNS, SCORE_COLUMNS, CandidateTable, ScoreTable
from rmx.worlds.latent.annotators import annotator_name
from rmx.worlds.latent.edits import edits_of
from rmx.worlds.latent.pairs import Pairs, draw_pairs, labelled_by_gold, streams_of
from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.responses import Responses, draw_prompts, draw_responses, tokens
from rmx.worlds.latent.reward import LatentReward, baseline_weights
from rmx.worlds.latent.streams import Floats

__all__ = [
    "SAMPLES",
    "SLICES",
    "latent_candidates",
    "latent_leaks",
    "latent_ledger",
    "latent_samples",
    "latent_scores",
    "pair_rewards",
]

SLICES = ("validation", "heldout", "fresh_policy")
SAMPLES = "samples"
"""Slice of the answers among which best-of-n chooses; it has no comparisons."""

Sides = dict[str, Floats]


def latent_scores(params: LatentParams, reward: LatentReward, slice: str) -> ScoreTable:
    """Return the score table of a slice.

    Scorers: `model`, the reward under audit; `reference`, the same reward before its scale moved and without padding;
    `longer`, `shorter` and `bag_of_words`.
    """
    pairs = draw_pairs(params, slice)
    count = len(pairs)
    scorers = {"model": pair_rewards(params, reward, pairs), "reference": pair_rewards(params, reward.reference, pairs)}
    for name, weights in baseline_weights(params).items():
        if name == "bag_of_words":
            scorers[name] = {side: weights.score(getattr(pairs, side), pairs.prompts) for side in _SIDES}
        else:
            counted = {side: tokens(getattr(pairs, side)).astype(np.float64) for side in _SIDES}
            scorers[name] = {side: weights.length * counted[side] for side in _SIDES}
    names = _names(params, pairs)
    static: dict[str, Any] = {
        "pair_id": names["pair"],
        "group": names["group"],
        "slice": [slice] * count,
        **{f"{side}_tokens": tokens(getattr(pairs, side)) for side in _SIDES},
        "agreement": [1.0] * count if pairs.votes is None else pairs.votes.first / sum(pairs.votes),
        "label_source": ["gold" if labelled_by_gold(params, slice) else "model"] * count,
        "tags": _tags(pairs),
        **{f"{side}_id": names[side] for side in _SIDES},
    }
    tables = [
        _table(SCORE_COLUMNS, count, static | {"scorer": [name] * count} | {f"{s}_reward": by[s] for s in _SIDES})
        for name, by in scorers.items()
    ]
    return ScoreTable(pa.concat_tables(tables))


def latent_candidates(
    params: LatentParams, reward: LatentReward, slice: str, probes: Iterable[str], *, items: int | None = None
) -> CandidateTable:
    """Return the candidates of a slice scored by the reward under audit: all originals, and the edits of some pairs.

    Args:
        params: The world.
        reward: The reward under audit.
        slice: The slice.
        probes: Names of the probes.
        items: How many pairs are edited, the first of the slice; all if not given.
    """
    pairs = draw_pairs(params, slice)
    names, rewards = _names(params, pairs), pair_rewards(params, reward, pairs)
    parts = [_originals(params, pairs, names, rewards, side) for side in _SIDES]
    for probe in probes:
        for edit in edits_of(probe, params, reward, pairs, streams_of(params, slice)):
            rows = edit.rows if items is None else edit.rows[edit.rows < items]
            source = names[edit.side][rows]
            edited = _table(
                CANDIDATE_COLUMNS,
                len(rows),
                {
                    "slice": [slice] * len(rows),
                    "group": names["group"][rows],
                    "candidate_id": np.char.add(source, f"/{probe}/{edit.variant}"),
                    "scorer": ["model"] * len(rows),
                    "reward": edit.reward[: len(rows)],
                    "probe": [probe] * len(rows),
                    "variant": [edit.variant] * len(rows),
                    "source_id": source,
                    "prompt_id": np.char.add(names["prompt"][rows], edit.prompt),
                },
            )
            parts.append(edited)
    return CandidateTable(pa.concat_tables(parts))


def latent_samples(params: LatentParams, reward: LatentReward) -> CandidateTable:
    """Return `samples` answers to each of `sample_prompts` prompts, with reward and gold."""
    streams, count = streams_of(params, SAMPLES), params.sample_prompts
    prompts = draw_prompts(streams, params, SAMPLES, count)
    prefix = f"latent-{params.seed}-{SAMPLES}-"
    groups = np.char.add(prefix, np.arange(count).astype(str))
    parts = []
    for k in range(params.samples):
        answers = draw_responses(streams.at("sample", k), params, SAMPLES, count)
        parts.append(
            _table(
                CANDIDATE_COLUMNS,
                count,
                {
                    "slice": [SAMPLES] * count,
                    "group": groups,
                    "candidate_id": np.char.add(groups, f"-{k}"),
                    "scorer": ["model"] * count,
                    "reward": reward.weights.score(answers, prompts),
                    "tokens": tokens(answers),
                    "gold": answers.gold(params, prompts),
                    "prompt_id": groups,
                    "count": [1] * count,
                    "label_source": ["gold"] * count,
                },
            )
        )
    return CandidateTable(pa.concat_tables(parts))


def latent_leaks(params: LatentParams) -> NDArray[np.int64]:
    """Return the heldout prompts whose group stands in train too."""
    return np.flatnonzero(streams_of(params, "heldout").chance("leak", params.prompts, params.leaks))


def latent_ledger(params: LatentParams) -> dict[str, Any]:
    """Return what a run's ledger says of splits: as many train prompts as heldout ones, and the planted overlap."""
    drawn = {slice: draw_pairs(params, slice) for slice in ("validation", "heldout")}
    heldout = drawn["heldout"]
    leaked = np.isin(heldout.prompt, latent_leaks(params))
    count, none = int(leaked.sum()), {"near_prompt": 0, "response": 0, "ngram": 0}
    groups = {slice: len(np.unique(pairs.prompt)) for slice, pairs in drawn.items()}
    hits = {
        "counts": {"prompt": count, **none},
        "shares": {"prompt": count / max(1, len(heldout)), **none},
        "ids": {"prompt": _names(params, heldout)["pair"][leaked].tolist()},
        "items": len(heldout),
        "groups": groups["heldout"],
    }
    return {
        "splits": {
            "train": params.prompts * params.pairs_per_prompt,
            **{slice: len(pairs) for slice, pairs in drawn.items()},
        },
        "groups": {"train": params.prompts, **groups},
        "overlap": {"pairs": count, "by_split": {"validation": 0, "heldout": count}},
        "split_mode": "grouped",
        "contamination": {"by_slice": {"heldout": hits}},
    }


_SIDES = ("chosen", "rejected")


def pair_rewards(params: LatentParams, reward: LatentReward, pairs: Pairs) -> Sides:
    """Return the rewards of both sides as one scoring gives them, the padding bug and rounding among them."""
    noise = streams_of(params, pairs.slice).at("scoring")
    found = {}
    for side in _SIDES:
        mine, other = (pairs.chosen, pairs.rejected) if side == "chosen" else (pairs.rejected, pairs.chosen)
        padded = reward.pad_bug * (mine.length < other.length)
        sd = reward.factor * np.hypot(reward.rescoring, padded)
        found[side] = reward.weights.score(mine, pairs.prompts) + sd * pairs.normal(noise, side)
    return found


def _names(params: LatentParams, pairs: Pairs) -> dict[str, NDArray[np.str_]]:
    prefix = f"latent-{params.seed}-"
    prompt = np.char.add(f"{prefix}{pairs.slice}-", pairs.prompt.astype(str))
    pair = np.char.add(np.char.add(prompt, "-"), pairs.place.astype(str))
    group = prompt
    if pairs.slice == "heldout":
        leaked = np.isin(pairs.prompt, latent_leaks(params))
        group = np.where(leaked, np.char.add(f"{prefix}train-", pairs.prompt.astype(str)), group)
    return {"prompt": prompt, "group": group, "pair": pair, **{side: np.char.add(pair, f"-{side}") for side in _SIDES}}


def _tags(pairs: Pairs) -> list[str]:
    """Return topic, votes and who cast them, where there were any, and counts of markdown: a list has five items."""
    items = 5
    columns = {
        "topic": np.where(pairs.prompts.new_topic > 0, "new", "known"),
        **{f"{side}_lists": (items * getattr(pairs, side).lists).astype(int).astype(str) for side in _SIDES},
        **{f"{side}_{name}": np.full(len(pairs), "0") for side in _SIDES for name in ("headers", "bold")},
    }
    if pairs.ballots is not None:
        votes = pairs.ballots.votes
        columns["votes"] = np.array([f"[{int(a)}, {int(b)}, {int(c)}]" for a, b, c in zip(*votes, strict=True)])
        columns["ballots"] = np.array(
            [_ballots(*cast) for cast in zip(*(x.T.tolist() for x in pairs.ballots), strict=True)]
        )
    return [json.dumps(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def _ballots(annotators: list[int], choices: list[int]) -> str:
    """Return the votes cast on a pair with the names of those who cast them."""
    sides = ("chosen", "rejected", "tie")
    cast = zip(annotators, choices, strict=True)
    return json.dumps([[annotator_name(number), sides[choice]] for number, choice in cast if choice >= 0])


def _originals(
    params: LatentParams, pairs: Pairs, names: dict[str, NDArray[np.str_]], rewards: Sides, side: str
) -> pa.Table:
    answers: Responses = getattr(pairs, side)
    columns = {
        "slice": [pairs.slice] * len(pairs),
        "group": names["group"],
        "candidate_id": names[side],
        "scorer": ["model"] * len(pairs),
        "reward": rewards[side],
        "tokens": tokens(answers),
        "gold": answers.gold(params, pairs.prompts),
        "prompt_id": names["prompt"],
    }
    return _table(CANDIDATE_COLUMNS, len(pairs), columns)


def _table(schema: pa.Schema, count: int, columns: dict[str, Any]) -> pa.Table:
    """Return a table of the schema; a column that is not given is null."""
    arrays = [
        pa.array(columns[field.name], type=field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)
