"""Candidates of heldout prompts from comparisons: every completion once, gold by hand, draws included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.prepare import prepare
from rmx.data.slices import build_slice
from rmx.domain import Message
from rmx.errors import ConfigError, DataError

ALPACA: dict[str, Any] = {
    "format": "comparison",
    "columns": {
        "prompt": "prompt",
        "first": "response_1",
        "second": "response_2",
        "label": "preference",
        "first_policy": "generator_1",
        "second_policy": "generator_2",
    },
    "labels": {"first": [1], "second": [2], "tie": [0], "abstain": [None]},
    "label_source": "model",
}


def rows(prompts: int) -> list[dict[str, Any]]:
    """Three policies against a reference: `a` wins, `b` draws, `c` loses and now and then writes what `b` did."""
    found = []
    for i in range(prompts):
        answers = {"a": f"best {i}", "b": f"fair {i}", "c": f"fair {i}" if i % 5 == 0 else f"poor {i}"}
        for (policy, answer), label in zip(answers.items(), (2, 0, 1), strict=True):
            found.append(
                {
                    "prompt": f"Please answer question number {i}, which is like no other.",
                    "response_1": f"reference {i}",
                    "generator_1": "ref",
                    "response_2": answer,
                    "generator_2": policy,
                    "preference": label,
                }
            )
    found.append({**found[0], "preference": None, "response_2": "abstained", "generator_2": "d"})
    found.append({**found[0], "response_2": "", "generator_2": "d"})
    return found


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    path = tmp_path / "comparisons.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(80)))
    return DataConfig(path=str(path), split=SplitConfig(validation=0.1, heldout=0.4), near_duplicates=False, **ALPACA)


def number(prompt: tuple[Message, ...]) -> int:
    return int(prompt[-1].content.split(",")[0].split()[-1])


def test_every_completion_of_heldout_prompts_stands_once_with_its_gold(data: DataConfig) -> None:
    prepared = prepare(data)
    heldout = {pair.prompt: pair.group for pair in prepared.splits["heldout"]}
    built = build_slice("samples", {"pairs": "heldout", "reference": "ref"}, prepared, data)
    assert {s.prompt for s in built.samples} == set(heldout)
    assert len(heldout) > 20
    assert any(number(s.prompt) % 5 == 0 for s in built.samples)
    for sampled in built.samples:
        i = number(sampled.prompt)
        gold = dict(zip(sampled.completions, sampled.gold, strict=True))
        if i % 5 == 0:  # the same text drew once and lost once
            assert gold == {f"reference {i}": 0.5, f"best {i}": 1.0, f"fair {i}": 0.25}
        else:
            assert gold == {f"reference {i}": 0.5, f"best {i}": 1.0, f"fair {i}": 0.5, f"poor {i}": 0.0}
        assert sampled.label_source == "model"
        assert sampled.group == heldout[sampled.prompt]
    assert built.overlap is not None
    assert built.overlap.pairs == 0


def test_without_a_reference_its_own_wins_count(data: DataConfig) -> None:
    built = build_slice("samples", {"pairs": "validation"}, prepare(data), data)
    for sampled in built.samples:
        i = number(sampled.prompt)
        # Lost to a, drew with b, beat c.
        assert dict(zip(sampled.completions, sampled.gold, strict=True))[f"reference {i}"] == 0.5
        assert len(sampled.completions) == (3 if i % 5 == 0 else 4)


def test_small_groups_leave_and_are_counted(data: DataConfig) -> None:
    built = build_slice("samples", {"pairs": "heldout", "at_least": 4}, prepare(data), data)
    assert all(number(s.prompt) % 5 for s in built.samples)
    assert {r.reason for r in built.rejections} == {"few_completions"}
    assert len(built.samples) + len(built.rejections) == built.available


def test_what_cannot_be_is_refused(data: DataConfig) -> None:
    prepared = prepare(data)
    with pytest.raises(
        DataError, match="reference 'davinci' wrote no completion of split heldout; these do: a, b, c, "
    ):
        build_slice("samples", {"pairs": "heldout", "reference": "davinci"}, prepared, data)
    with pytest.raises(ConfigError, match="pairs and path are two sources"):
        build_slice("samples", {"pairs": "heldout", "path": "x.jsonl"}, prepared, data)
    with pytest.raises(ConfigError, match="pairs must be validation or heldout, not train"):
        build_slice("samples", {"pairs": "train"}, prepared, data)
    with pytest.raises(ConfigError, match="pairs=heldout needs the run's own data"):
        build_slice("samples", {"pairs": "heldout"}, None, data)


@pytest.mark.real_data
def test_alpaca_eval_has_24_candidates_of_most_prompts(shared_data: Path) -> None:
    path = shared_data / "alpaca-eval" / "comparisons.jsonl.gz"
    data = DataConfig(path=str(path), split=SplitConfig(validation=0.05, heldout=0.3), **ALPACA)
    spec = {"pairs": "heldout", "reference": "text_davinci_003", "at_least": 20}
    built = build_slice("samples", spec, prepare(data), data)
    sizes = [len(s.completions) for s in built.samples]
    assert 150 < len(sizes) < 260
    assert max(sizes) == 24
    assert sorted(sizes)[len(sizes) // 4] >= 23
    golds = [gold for s in built.samples for gold in s.gold]
    assert {0.0, 0.5, 1.0} <= set(golds)
    assert 0.5 < sum(golds) / len(golds) < 0.8  # most of the 24 beat the reference more often than not
