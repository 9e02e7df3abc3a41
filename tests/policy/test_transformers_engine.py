"""Sampling with transformers against one sequence, one forward pass and one sum at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from rmx.config.schema import ModelConfig
from rmx.model.weights import load_causal_lm
from rmx.policy.engine import Drawn, Law
from rmx.policy.streams import Stream
from rmx.policy.transformers_engine import TransformersEngine

PROMPTS = [[40, 50, 60], [7], [900, 800, 700, 600, 500, 400, 300], [40, 50, 60], [11, 12]]
STREAMS = [Stream(3, f"p{i}", i % 2) for i in range(len(PROMPTS))]
PLAIN = Law(temperature=1.0, top_p=1.0, max_new_tokens=8, ends=(2,), banned=())


@pytest.fixture(scope="module")
def network(model_named: Callable[..., ModelConfig], weights_cache: Path) -> Any:
    network = load_causal_lm(model_named("tiny-random"), weights_cache)[0]
    with torch.no_grad():  # a random model is all but uniform over its vocabulary: nothing would be likely
        network.get_input_embeddings().weight.mul_(8)
    return network


def drawn_by_hand(network: Any, law: Law, prompt: list[int], stream: Stream) -> Drawn:
    ids: list[int] = []
    for step in range(law.max_new_tokens):
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([prompt + ids]), use_cache=False).logits[0, -1]
        scores = logits.double().numpy() / law.temperature
        scores[list(law.banned)] = -np.inf
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        order = np.argsort(-chances, kind="stable")
        # The likeliest, until those before them have top_p.
        kept = order[(np.cumsum(chances[order]) - chances[order]) < law.top_p]
        outside = np.setdiff1d(np.arange(len(chances)), kept)
        chances[outside] = 0
        token = int(np.flatnonzero(np.cumsum(chances) > stream.uniform(step) * chances.sum())[0])
        if token in law.ends:
            return Drawn(ids, True)
        ids.append(token)
    return Drawn(ids, False)


@pytest.mark.parametrize(
    "law",
    [PLAIN, Law(0.6, 0.8, 8, (2, 17), (1, 0)), Law(1.7, 0.95, 5, tuple(range(100, 9000)), tuple(range(9000, 40000)))],
    ids=["plain", "cooled", "ending"],
)
def test_it_draws_what_a_loop_over_single_sequences_draws(network: Any, law: Law) -> None:
    found = TransformersEngine(network, law).draw(PROMPTS, STREAMS)
    assert found == [drawn_by_hand(network, law, p, s) for p, s in zip(PROMPTS, STREAMS, strict=True)]
    assert not {token for drawn in found for token in drawn.ids} & {*law.ends, *law.banned}
    if len(law.ends) > 2:
        assert {drawn.finished for drawn in found} >= {True}


def test_a_completion_does_not_depend_on_its_neighbours(network: Any) -> None:
    engine = TransformersEngine(network, PLAIN)
    together = engine.draw(PROMPTS, STREAMS)
    assert [engine.draw([p], [s])[0] for p, s in zip(PROMPTS, STREAMS, strict=True)] == together
    assert engine.draw(PROMPTS[::-1], STREAMS[::-1])[::-1] == together
    # Another place of the same prompt, another seed: other completions.
    others = engine.draw([PROMPTS[0]] * 3, [STREAMS[0], Stream(3, "p0", 1), Stream(4, "p0", 0)])
    assert len({tuple(drawn.ids) for drawn in others}) == 3


def test_tokens_are_drawn_as_often_as_the_model_says(network: Any) -> None:
    law = Law(1.0, 1.0, 1, (2,), ())
    drawn = TransformersEngine(network, law).draw([[7]] * 400, [Stream(0, "often", i) for i in range(400)])
    with torch.no_grad():
        chances = torch.softmax(network(input_ids=torch.tensor([[7]])).logits[0, -1].double(), 0).numpy()
    ids = np.array([d.ids[0] if d.ids else 2 for d in drawn])
    # Eight runs of neighbouring tokens of about the same chance.
    bounds = np.unique(np.searchsorted(np.cumsum(chances), np.linspace(0, 1, 9)[1:-1]))
    expected = np.array([part.sum() for part in np.split(chances, bounds)]) * len(ids)
    observed = np.bincount(np.searchsorted(bounds, ids, side="right"), minlength=len(expected))
    assert len(expected) > 4
    assert stats.chisquare(observed, expected).pvalue > 0.001


def test_numbers_of_streams_are_uniform_and_their_own() -> None:
    numbers = np.array([Stream(0, f"p{i}", j).uniform(k) for i in range(10) for j in range(10) for k in range(20)])
    assert stats.kstest(numbers, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.06
    assert len(np.unique(numbers)) == len(numbers)
    assert Stream(0, "p", 12).uniform(3) != Stream(0, "p", 1).uniform(23)
    assert len({Stream(0, "p", i).number for i in range(100)}) == 100
    assert all(0 <= Stream(0, "p", i).number < 2**31 for i in range(100))
