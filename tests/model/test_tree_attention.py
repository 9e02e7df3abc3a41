"""The attention operators against attention as it is written: all scores, a mask, a softmax."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.forests import forests
from torch import Tensor
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from rmx.data.batch import PrefixForest
from rmx.data.forest import prefix_forest
from rmx.errors import ModelError
from rmx.model.tree_attention import TREE_ATTENTION
from rmx.model.tree_attention.blocks import plan_blocks
from rmx.model.tree_attention.flex import FlexPlan
from rmx.model.tree_attention.operator import _forward, tree_attention
from rmx.model.tree_attention.rule import ScoreRule

RULES = [ScoreRule(0.4, None, None), ScoreRule(0.4, 3, None), ScoreRule(0.4, None, 1.5), ScoreRule(0.4, 40, 2.0)]


def forest_of(sequences: list[list[int]]) -> PrefixForest:
    return prefix_forest([np.array(s, np.int32) for s in sequences])


def tensors(total: int, heads: int = 4, kv: int = 2, width: int = 6, value: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(total)
    shapes = ((heads, total, width), (kv, total, width), (kv, total, value))
    return [torch.randn(s, generator=generator, requires_grad=True) for s in shapes]


def written_out(query: Tensor, key: Tensor, value: Tensor, forest: PrefixForest, rule: ScoreRule) -> Tensor:
    """The oracle: (T, heads, value width)."""
    total, groups = len(forest.ids), len(query) // len(key)
    q, k = torch.arange(total)[:, None], torch.arange(total)
    sees = (k <= q) & (q < forest.end)
    if rule.window is not None:
        sees &= forest.depth[:, None] - forest.depth < rule.window
    scores = query @ key.repeat_interleave(groups, 0).mT * rule.scale
    if rule.softcap is not None:
        scores = rule.softcap * torch.tanh(scores / rule.softcap)
    weights = scores.masked_fill(~sees, -torch.inf).softmax(-1)
    return (weights @ value.repeat_interleave(groups, 0)).transpose(0, 1)


def outcome(attention: functools.partial[Tensor], inputs: list[Tensor]) -> list[Tensor]:
    out = attention(*inputs)
    weights = torch.linspace(-1, 1, out.numel()).view(out.shape)
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), inputs)]


@settings(max_examples=40)
@given(sequences=forests(), rule=st.sampled_from(RULES))
def test_blocks_are_attention_as_written(sequences: list[list[int]], rule: ScoreRule) -> None:
    forest = forest_of(sequences)
    inputs = tensors(len(forest.ids))
    mine = outcome(functools.partial(tree_attention, plan=plan_blocks(forest), rule=rule), inputs)
    expected = outcome(functools.partial(written_out, forest=forest, rule=rule), inputs)
    for a, b in zip(mine, expected, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("rule", [*RULES, ScoreRule(0.4, 150, None)])
def test_many_blocks(rule: ScoreRule, kept: bool) -> None:
    rng = np.random.default_rng(0)
    prompt = rng.integers(0, 50, 200).tolist()
    sequences = [[*prompt, *rng.integers(0, 50, 170).tolist()] for _ in range(3)] + [rng.integers(0, 50, 300).tolist()]
    forest = forest_of(sequences)
    plan = plan_blocks(forest)
    assert len(plan.rows) > 8
    assert int(plan.rows.diff().max()) <= 128
    assert len(plan.bias) > 0
    if not kept:  # as where the biases are too large to keep
        plan = plan._replace(bias=torch.empty(0))
    inputs = tensors(len(forest.ids))
    mine = outcome(functools.partial(tree_attention, plan=plan, rule=rule), inputs)
    expected = outcome(functools.partial(written_out, forest=forest, rule=rule), inputs)
    for a, b in zip(mine, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("rule", RULES)
def test_the_gpus_rule_is_the_same(rule: ScoreRule) -> None:
    """FlexAttention uncompiled, on the CPU: what its block masks let through. The compiled kernel needs a GPU."""
    forest = forest_of([[1, 2, 3, 4, 5], [1, 2, 3, 9], [1, 2, 3, 9], [7, 8], [7]])
    inputs = [t.detach() for t in tensors(len(forest.ids), width=8, value=8)]
    found = FlexPlan(forest, compiled=False).attend(*inputs, rule)
    torch.testing.assert_close(found, written_out(*inputs, forest, rule), atol=1e-5, rtol=1e-5)


def test_the_operator_is_one_that_torch_can_trust() -> None:
    forest = forest_of([[1, 2, 3, 4], [1, 2, 5]])
    arguments = (*tensors(len(forest.ids)), list(plan_blocks(forest)), 0.4, None, None)
    torch.library.opcheck(_forward, arguments)


def test_low_precision_inputs_give_low_precision_outputs_and_exact_arithmetic() -> None:
    forest = forest_of([[1, 2, 3, 4], [1, 2, 5]])
    inputs = [t.detach().bfloat16().requires_grad_() for t in tensors(len(forest.ids))]
    with torch.autocast("cpu", torch.bfloat16):
        out = tree_attention(*inputs, plan_blocks(forest), RULES[0])
    assert out.dtype == torch.bfloat16
    exact = written_out(*(t.float() for t in inputs), forest, RULES[0])
    torch.testing.assert_close(out.float(), exact, atol=1e-2, rtol=1e-2)
    assert all(g.dtype == torch.bfloat16 for g in torch.autograd.grad(out.float().sum(), inputs))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"attention_mask": torch.zeros(1, 1, 4, 4)}, "a mask of its own"),
        ({"position_bias": torch.zeros(4)}, "takes position_bias"),
        ({"dropout": 0.1}, "drops out"),
        ({"tree": None}, "do not pass keywords"),
    ],
)
def test_what_this_attention_does_not_do_is_refused(changes: dict[str, Any], why: str) -> None:
    attend = ALL_ATTENTION_FUNCTIONS[TREE_ATTENTION]
    forest = forest_of([[1, 2, 3], [1, 4]])
    inputs = [t[None] for t in tensors(len(forest.ids))]
    given = {"attention_mask": None, "tree": plan_blocks(forest), "scaling": 0.4, "position_ids": forest.depth}
    out, _ = attend(torch.nn.Module(), *inputs, **given)
    assert out.shape == (1, len(forest.ids), 4, 5)
    with pytest.raises(ModelError, match=why):
        attend(torch.nn.Module(), *inputs, **given | changes)


def test_a_window_comes_from_the_mask_or_the_layer() -> None:
    attend = ALL_ATTENTION_FUNCTIONS[TREE_ATTENTION]
    forest = forest_of([[1, 2, 3, 4, 5], [1, 4]])
    inputs = [t[None] for t in tensors(len(forest.ids))]
    outs = [
        attend(torch.nn.Module(), *inputs, mask, tree=plan_blocks(forest), scaling=0.4, sliding_window=window)[0]
        for mask, window in ((2, None), (None, 2), (2, 9), (None, None))
    ]
    assert torch.equal(outs[0], outs[1])
    assert torch.equal(outs[0], outs[2])
    assert not torch.equal(outs[0], outs[3])
