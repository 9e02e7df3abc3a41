"""Normalised rewards and calibrated preferences: by hand, and free of the head's scale."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.data.render import Renderer
from rmx.errors import DataError, ModelError
from rmx.export import Findings, export_model
from rmx.model import build_reward_model
from rmx.scorers.calibrated import RewardScale
from rmx.scorers.reward_model import Reward, load_reward
from rmx.scorers.stream import score_stream

PROMPTS = [f"Question {i}?" for i in range(24)]
FIRST = [f"Answer {i} " + "and more " * (i % 5) for i in range(24)]
SECOND = [f"Other {i} " + "so then " * (i % 3) for i in range(24)]
Exported = Callable[..., Reward]


@pytest.fixture(scope="module")
def exported(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    def export(name: str, factor: float = 1.0, **findings: Any) -> Reward:
        built = build_reward_model(
            model_named("tiny-random"), AdapterConfig(kind="none"), layout="packed", seed=0, cache=weights_cache
        )
        with torch.no_grad():
            built.reward_model.head.weight *= factor
        directory = tmp_path_factory.mktemp(name) / "model"
        export_model(directory, built.reward_model, Renderer(built.tokenizer), Findings(**findings), built.facts)
        return load_reward(directory)

    return export


@pytest.fixture(scope="module")
def reward(exported: Exported) -> Reward:
    return exported("known", reward_mean=0.3, reward_sd=0.5, temperature=2.0)


def measured(reward: Reward) -> dict[str, float]:
    """What a run would record of these pairs as its validation slice, by another optimiser than its own."""
    first, second = (reward.score(PROMPTS, side).astype(float) for side in (FIRST, SECOND))
    both, margins = np.concatenate([first, second]), first - second

    def loss(log_t: float) -> float:
        return float(np.logaddexp(0, -margins / math.exp(log_t)).mean())

    scale = math.log(np.abs(margins).mean())
    found = minimize_scalar(loss, bounds=(scale - 5, scale + 5), method="bounded", options={"xatol": 1e-10})
    return {"reward_mean": both.mean(), "reward_sd": both.std(), "temperature": math.exp(found.x)}


def test_by_hand(reward: Reward) -> None:
    first, second = reward.score(PROMPTS, FIRST), reward.score(PROMPTS, SECOND)
    normal = reward.score(PROMPTS, FIRST, normalise=True)
    assert normal.dtype == np.float64
    assert normal.tolist() == pytest.approx([(float(r) - 0.3) / 0.5 for r in first], rel=1e-12)
    chances = [1 / (1 + math.exp(-(float(a) - float(b)) / 2.0)) for a, b in zip(first, second, strict=True)]
    found = reward.preference(PROMPTS, FIRST, SECOND)
    assert found.tolist() == pytest.approx(chances, rel=1e-9)
    assert (found + reward.preference(PROMPTS, SECOND, FIRST)).tolist() == pytest.approx([1.0] * 24, rel=1e-12)
    with pytest.raises(DataError, match="equal length"):
        reward.preference(PROMPTS, FIRST[:3], SECOND)


def test_the_scale_of_the_head_cancels_out(exported: Exported) -> None:
    small, large = exported("small"), exported("large", factor=7.0)
    assert large.score(PROMPTS, FIRST).tolist() == pytest.approx((7 * small.score(PROMPTS, FIRST)).tolist(), rel=1e-4)
    small, large = (exported(n, f, **measured(r)) for n, f, r in (("small", 1.0, small), ("large", 7.0, large)))
    one, other = (r.score(PROMPTS, FIRST, normalise=True) for r in (small, large))
    assert other.tolist() == pytest.approx(one.tolist(), abs=2e-4)
    one, other = (r.preference(PROMPTS, FIRST, SECOND) for r in (small, large))
    assert other.tolist() == pytest.approx(one.tolist(), abs=2e-4)


def test_a_shift_of_all_rewards_cancels_out() -> None:
    rewards = np.random.default_rng(0).normal(2.0, 3.0, 50)
    plain = RewardScale(2.0, 3.0, 1.7)
    moved = RewardScale(12.0, 3.0, 1.7)
    assert moved.normalise(rewards + 10).tolist() == pytest.approx(plain.normalise(rewards).tolist(), abs=1e-12)
    assert moved.preference(rewards[:25] + 10, rewards[25:] + 10).tolist() == pytest.approx(
        plain.preference(rewards[:25], rewards[25:]).tolist(), abs=1e-12
    )


def test_a_contract_without_the_number_says_so_before_anything_is_scored(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = exported("bare")
    monkeypatch.setattr(bare, "rewards", lambda _: pytest.fail("scored"))
    for wanted, ask in (
        ("mean and deviation of its rewards", lambda: bare.score(["a"], ["b"], normalise=True)),
        ("temperature", lambda: bare.preference(["a"], ["b"], ["c"])),
    ):
        with pytest.raises(ModelError, match=f"its contract records no {wanted}") as error:
            ask()
        assert "\n" not in str(error.value)
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"id": 1, "prompt": "a", "completion": "b"}) + "\n")
    with pytest.raises(ModelError, match="records no mean"):
        score_stream(bare, source, tmp_path / "out.jsonl", scale=bare.scale)
    assert [p.name for p in tmp_path.iterdir()] == ["in.jsonl"]
    assert RewardScale.of(None, name="theirs").temperature is None
    with pytest.raises(ModelError, match="no mean"):  # rewards that did not vary have no unit
        RewardScale(1.0, 0.0, 1.0).normalise([1.0])


def test_a_file_gets_normalised_rewards_and_calibrated_preferences(reward: Reward, tmp_path: Path) -> None:
    rows = [
        {"id": "one", "prompt": "Q?", "completion": FIRST[3]},
        {"id": "two", "prompt": "Q?", "chosen": FIRST[3], "rejected": SECOND[4]},
        {"id": "ref", "prompt": "Q?", "completion": FIRST[3], "reference": SECOND[4]},
        {"id": "null", "prompt": "Q?", "completion": FIRST[3], "reference": None},
        {"id": "long", "prompt": "Q?", "completion": FIRST[3], "reference": "word " * 9000},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    score_stream(reward, source, tmp_path / "out.jsonl", scale=reward.scale)
    one, two, ref, null, long = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    a, b = (float(r) for r in reward.score(["Q?", "Q?"], [FIRST[3], SECOND[4]]))
    chance = 1 / (1 + math.exp(-(a - b) / 2.0))
    assert one == {"id": "one", "reward": pytest.approx(a), "reward_normalised": pytest.approx((a - 0.3) / 0.5)}
    assert null == {**one, "id": "null"}
    assert two == {
        "id": "two",
        "chosen_reward": pytest.approx(a),
        "rejected_reward": pytest.approx(b),
        "margin": pytest.approx(a - b, abs=1e-6),
        "preference": pytest.approx(chance),
        "chosen_reward_normalised": pytest.approx((a - 0.3) / 0.5),
        "rejected_reward_normalised": pytest.approx((b - 0.3) / 0.5),
    }
    assert ref["preference"] == pytest.approx(chance)
    assert ref["reference_reward_normalised"] == pytest.approx((b - 0.3) / 0.5)
    assert {k: v for k, v in long.items() if k not in ("id", "reason")} == dict.fromkeys(set(ref) - {"id"})
    assert long["reason"].startswith("over_length")
    score_stream(reward, source, tmp_path / "plain.jsonl")
    plain = json.loads((tmp_path / "plain.jsonl").read_text().splitlines()[2])
    assert plain == {"id": "ref", "reward": pytest.approx(a)}


def test_a_partial_output_is_not_continued_in_the_other_form(reward: Reward, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"id": 1, "prompt": "Q"}) + "\n")
    with pytest.raises(DataError, match="no field 'completion'"):
        score_stream(reward, source, target)
    with pytest.raises(DataError, match="was begun with another reward model"):
        score_stream(reward, source, target, scale=reward.scale)
