"""DPO's implicit reward against plain transformers, and the packed layout against the padded one."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.forests import forests
from tests.model.batches import batch_of
from tests.model.shapes import VOCABULARY, tiny_causal_lm
from tests.model.test_packed import TREES, adapted, pair_loss
from tests.stores import store_of

from rmx.config.schema import AdapterConfig, BatchConfig, MethodConfig, ModelConfig
from rmx.errors import ModelError
from rmx.model import build_implicit_reward, parameter_groups, trainable_state
from rmx.model.afresh import run_afresh
from rmx.model.implicit_reward import ImplicitReward
from rmx.model.language_model import CompletionLikelihood
from rmx.model.layouts import adopt_layout
from rmx.model.reference_policy import AdapterDisabled, Precomputed, SecondModel
from rmx.model.vocabulary_head import VocabularyHead, vocabulary_head

COMPLETIONS = [3, 4, 2, 2, 1, 3, 11]
"""Of TREES: parts shared, equal ones, one whose first token is the end of another's prompt, one without a prompt."""


def policy_of(network: Any, layout: str, adapter: str = "lora", *, checkpointing: bool = False) -> ImplicitReward:
    network = copy.deepcopy(network)
    head = vocabulary_head(network)
    wrapped, run = adapted(network.base_model, layout, adapter, checkpointing=checkpointing)
    lora = adapter != "none"
    head.requires_grad_(not lora)
    reference = AdapterDisabled() if lora else Precomputed()
    model = ImplicitReward(wrapped, head, run, beta=0.3, reference=reference).train()
    if not lora:
        model.remember([store_of(TREES, COMPLETIONS)], BatchConfig())
        generator = torch.Generator().manual_seed(2)
        for parameter in model.parameters():
            parameter.data += torch.randn(parameter.shape, generator=generator) * 0.01
    return model


def plain_log_probs(network: Any, sequences: list[list[int]], completions: list[int]) -> torch.Tensor:
    """The oracle: each sequence alone through the causal LM, its whole log-softmax."""
    found = []
    for ids, length in zip(sequences, completions, strict=True):
        logits = network(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
        places = range(max(1, len(ids) - length), len(ids))
        found.append(sum((logits[i - 1, ids[i]] for i in places), torch.zeros((), dtype=torch.float64)))
    return torch.stack(found)


@pytest.mark.parametrize("layout", ["packed", "padded"])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2", "gemma3_text", "gpt_neox"])
def test_log_probabilities_are_those_of_plain_transformers(kind: str, layout: str) -> None:
    network = tiny_causal_lm(kind).eval()
    with torch.no_grad():
        expected = plain_log_probs(network, TREES, COMPLETIONS)
        head = vocabulary_head(network)
        head.cells = 5 * VOCABULARY
        run, reason = adopt_layout(network.base_model, layout)
        assert not reason
        found = CompletionLikelihood(network.base_model, head, run)(batch_of(TREES, COMPLETIONS))
    assert found.dtype == torch.float32
    assert ((found - expected).abs() <= 1e-5 * expected.abs().clamp(min=1)).all()


def results(model: ImplicitReward, sequences: list[list[int]], completions: list[int]) -> tuple[Any, ...]:
    model.zero_grad()
    rewards = model(batch_of(sequences, completions))
    loss = pair_loss(rewards) if len(sequences) > 1 else rewards.sum()
    (loss + (rewards * torch.linspace(0.5, 1.5, len(rewards))).sum()).backward()
    grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return rewards.detach(), loss.detach(), grads


def assert_equal(packed: ImplicitReward, padded: ImplicitReward, sequences: Any, completions: Any) -> None:
    """Rewards 1e-5 max(1, |r|), losses 1e-6, gradients 1e-4 of their own norm + 1e-6 of the whole norm."""
    rewards, loss, grads = results(packed, sequences, completions)
    expected, expected_loss, expected_grads = results(padded, sequences, completions)
    assert ((rewards - expected).abs() <= 1e-5 * expected.abs().clamp(min=1)).all()
    assert abs(float(loss - expected_loss)) <= 1e-6 * max(1.0, len(sequences) / 2)
    assert grads.keys() == expected_grads.keys()
    whole = torch.stack([g.norm() for g in expected_grads.values()]).norm()
    for name, grad in grads.items():
        assert (grad - expected_grads[name]).norm() <= 1e-4 * expected_grads[name].norm() + 1e-6 * whole, name


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("adapter", ["none", "lora"])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2", "gemma3_text"])
def test_packed_gives_what_padded_gives(kind: str, adapter: str, checkpointing: bool) -> None:
    network = tiny_causal_lm(kind)
    packed, padded = (policy_of(network, n, adapter, checkpointing=checkpointing) for n in ("packed", "padded"))
    assert_equal(packed, padded, TREES, COMPLETIONS)


@functools.cache
def twins() -> tuple[ImplicitReward, ImplicitReward]:
    network = tiny_causal_lm("llama")
    packed, padded = (policy_of(network, n) for n in ("packed", "padded"))
    for model in (packed, padded):
        model.double()
    return packed, padded


@settings(max_examples=25)
@given(sequences=forests(vocabulary=VOCABULARY), data=st.data())
def test_random_forests(sequences: list[list[int]], data: Any) -> None:
    completions = [data.draw(st.integers(1, len(s))) for s in sequences]
    assert_equal(*twins(), sequences, completions)


def test_the_gradient_is_that_of_plain_transformers() -> None:
    network = tiny_causal_lm("llama")
    model = policy_of(network, "packed", "none")
    plain = copy.deepcopy(network)
    plain.load_state_dict({**{f"model.{n}": t for n, t in model.backbone.state_dict().items()},
                           "lm_head.weight": model.head.output.weight})  # fmt: skip
    with torch.no_grad():
        reference = plain_log_probs(network, TREES, COMPLETIONS)
    rewards = 0.3 * (plain_log_probs(plain, TREES, COMPLETIONS) - reference)
    pair_loss(rewards.float()).backward()
    found = model(batch_of(TREES, COMPLETIONS))
    pair_loss(found).backward()
    torch.testing.assert_close(found, rewards.float(), atol=1e-5, rtol=1e-5)
    assert model.head.output.weight is not model.backbone.embed_tokens.weight
    torch.testing.assert_close(model.head.output.weight.grad, plain.lm_head.weight.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        model.backbone.embed_tokens.weight.grad, plain.model.embed_tokens.weight.grad, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_tied_embeddings_train_once(adapter: str) -> None:
    network = tiny_causal_lm("llama", tie_word_embeddings=True)
    model = policy_of(network, "packed", adapter)
    pretrained, own = parameter_groups(model)
    assert own == []
    names = trainable_state(model)
    assert len(pretrained) == len(names) == len({p.data_ptr() for p in pretrained})
    assert not any(n.startswith("head.") for n in names)
    assert any("embed_tokens" in n for n in names) == (adapter == "none")


def test_an_untrained_policy_has_rewards_of_exactly_zero_in_any_precision() -> None:
    model = policy_of(tiny_causal_lm("llama"), "packed")
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.zero_()
    batch = batch_of(TREES, COMPLETIONS)
    for low in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            assert model(batch).abs().max() <= 1e-6


def test_training_leaves_the_reference_and_each_sequence_runs_once() -> None:
    network = tiny_causal_lm("qwen3")
    model = policy_of(network, "packed")
    batch = batch_of(TREES, COMPLETIONS)
    trains = {n for n, p in model.named_parameters() if p.requires_grad}
    with torch.inference_mode():  # a validation before the first step fills the cache
        before = model.reference(model, batch).clone()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        pair_loss(model(batch)).backward()
        optimizer.step()
    assert model.reference.cache.computed == len(TREES)
    assert {n for n, p in model.named_parameters() if p.requires_grad} == trains
    with torch.no_grad(), run_afresh(model, pad=True):
        assert model.reference(model, batch) == pytest.approx(before, abs=1e-4)
        assert model.reference.cache.computed == 2 * len(TREES)
    assert model.training
    expected = plain_log_probs(network, TREES, COMPLETIONS).detach()
    assert before.tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    assert (model.log_probs(batch).detach() - before).abs().max() > 0.01


def test_a_precomputed_reference_survives_training_and_refuses_what_it_never_read() -> None:
    network = tiny_causal_lm("llama")
    model = policy_of(network, "packed", "none")
    reference = model.reference(model, batch_of(TREES, COMPLETIONS))
    expected = plain_log_probs(network, TREES, COMPLETIONS).detach()
    assert reference.tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    with pytest.raises(ModelError, match="log-probability of a text is not known"):
        model(batch_of(TREES, [1] * len(TREES)))


def test_a_second_model_is_another_way_to_the_same_reference() -> None:
    network = tiny_causal_lm("llama")
    model = policy_of(network, "packed")
    base = copy.deepcopy(network)
    run, _ = adopt_layout(base.base_model, "packed")
    other = SecondModel(CompletionLikelihood(base.base_model, vocabulary_head(base), run))
    batch = batch_of(TREES, COMPLETIONS)
    torch.testing.assert_close(other(model, batch), model.reference(model, batch))


def test_logits_are_never_held_for_all_tokens() -> None:
    seen: list[int] = []
    head = VocabularyHead(torch.nn.Linear(8, 100, bias=False), cells=700)
    plain = torch.nn.functional.linear

    def spy(x: torch.Tensor, *args: Any) -> torch.Tensor:
        seen.append(len(x))
        return plain(x, *args)

    states = torch.randn(50, 8, requires_grad=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "linear", spy)
        head(states, torch.arange(50)).sum().backward()
    assert max(seen) == 7
    assert sum(seen) == 100, "once forward, once again in the backward"


@pytest.mark.parametrize("kind", ["bert", "cohere"])
def test_what_is_no_plain_causal_lm_is_refused(kind: str) -> None:
    changes = {"layer_norm_eps": 1e-5} if kind == "cohere" else {}
    with pytest.raises(ModelError, match="choose another decoder"):
        vocabulary_head(tiny_causal_lm(kind, **changes))


def test_the_embedded_model_is_built_with_its_head(
    model_named: Callable[..., ModelConfig], weights_cache: Path
) -> None:
    built = build_implicit_reward(
        MethodConfig("dpo", 0.1), model_named("smollm2-135m", layers=2), AdapterConfig(), layout="packed", seed=0,
        cache=weights_cache,
    )  # fmt: skip
    model = built.reward_model
    assert isinstance(model, ImplicitReward)
    assert model.head.output.weight.shape == (49152, 576)
    assert not any(p.requires_grad for p in model.head.parameters())
    assert built.facts["reference"]["layers"] == 2
    text = built.tokenizer("The capital of France is Paris.")["input_ids"]
    with torch.no_grad():
        assert model(batch_of([text], [2])).item() == pytest.approx(0, abs=1e-6)
