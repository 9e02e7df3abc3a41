"""The reward model: one float32 number per sequence, whatever runs beside it and whatever the precision around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.model.batches import END, batch_of, random_sequences

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model import BuiltModel, build_reward_model


@pytest.fixture(scope="module")
def build(model_named: Callable[..., ModelConfig], weights_cache: Path) -> Callable[..., BuiltModel]:
    def build(
        adapter: str = "none",
        *,
        seed: int = 0,
        name: str = "tiny-random",
        layout: str = "packed",
        **changes: object,
    ) -> BuiltModel:
        model = model_named(name, **changes)
        config = AdapterConfig(kind=adapter, r=4, alpha=8.0)
        return build_reward_model(model, config, layout=layout, seed=seed, cache=weights_cache)

    return build


@pytest.fixture(scope="module")
def tiny(build: Callable[..., BuiltModel]) -> BuiltModel:
    built = build()
    built.reward_model.eval()
    return built


@given(lengths=st.lists(st.integers(2, 40), min_size=2, max_size=6), seed=st.integers(0, 99))
def test_a_reward_does_not_depend_on_its_neighbours(tiny: BuiltModel, lengths: list[int], seed: int) -> None:
    sequences = random_sequences(lengths, seed)
    with torch.no_grad():
        together = tiny.reward_model(batch_of(sequences))
        alone = torch.cat([tiny.reward_model(batch_of([s])) for s in sequences])
    assert together.dtype == torch.float32
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_last_token_is_pooled_though_it_is_the_pad_token(build: Callable[..., BuiltModel]) -> None:
    """By hand: the final hidden state at the end token, times the head, in plain transformers."""
    tiny = build(layout="padded")
    tiny.reward_model.eval()
    sequences = random_sequences([7, 12, 3])
    assert tiny.tokenizer.pad_token_id == END
    with torch.no_grad():
        rewards = tiny.reward_model(batch_of(sequences))
        for sequence, reward in zip(sequences, rewards, strict=True):
            hidden = tiny.reward_model.backbone(torch.tensor([sequence])).last_hidden_state[0]
            at_end = hidden[-1] @ tiny.reward_model.head.weight[0]
            one_early = hidden[-2] @ tiny.reward_model.head.weight[0]
            assert float(reward) == pytest.approx(float(at_end), abs=1e-5)
            assert abs(float(reward - one_early)) > 1e-3


def test_head_initialisation_is_as_stated(build: Callable[..., BuiltModel]) -> None:
    heads = [build(seed=seed).reward_model.head.weight for seed in range(8)]
    spread = torch.cat(heads).detach().std()
    # 512 draws: the standard error of a standard deviation is sd / sqrt(2 * 512) = 3%.
    assert spread.item() == pytest.approx(65**-0.5, rel=0.12)
    assert torch.equal(heads[3], build(seed=3).reward_model.head.weight)
    assert torch.equal(heads[3], build("lora", seed=3).reward_model.head.weight)
    assert not torch.equal(heads[3], heads[4])
    assert not build(head_init_std=0.0).reward_model.head.weight.any()


def test_rewards_are_float32_under_autocast_and_with_a_bfloat16_backbone(build: Callable[..., BuiltModel]) -> None:
    sequences = random_sequences([9, 9, 9, 9])
    model = build().reward_model.eval()
    with torch.no_grad():
        exact = model(batch_of(sequences))
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(batch_of(sequences))
        half = build(dtype="bfloat16").reward_model.eval()
        low = half(batch_of(sequences))
    for rewards in (mixed, low):
        assert rewards.dtype == torch.float32
        assert not torch.equal(rewards, rewards.bfloat16().float()), "rounded to bfloat16 on the way"
        torch.testing.assert_close(rewards, exact, atol=0.1, rtol=0.1)
    assert half.head.weight.dtype == torch.float32


def test_gradient_checkpointing_gives_the_same_gradients(build: Callable[..., BuiltModel]) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = build("lora", gradient_checkpointing=checkpointing).reward_model.train()
        with torch.no_grad():  # B starts at zero, and with it the gradient of A
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
        model(batch_of(random_sequences([9, 14]))).sum().backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.requires_grad})
    assert all(float(g.norm()) > 0 for g in gradients[0].values())
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-6, rtol=1e-4)


def test_settings_that_do_not_go_together_are_refused(build: Callable[..., BuiltModel]) -> None:
    with pytest.raises(ConfigError, match="adapter=none"):
        build("lora", trunk="frozen")
    with pytest.raises(ConfigError, match=r"lora, rslora, dora, qlora, peft, none"):
        build("ia3")
    with pytest.raises(ConfigError, match="float32, bfloat16"):
        build(dtype="float16")
    shape = {"model_type": "t5", "d_model": 32, "num_layers": 1, "num_heads": 2, "d_ff": 32, "d_kv": 16}
    with pytest.raises(ModelError, match="choose a decoder"):
        build(shape=shape)


def test_the_chat_template_can_be_given_and_must_exist(
    build: Callable[..., BuiltModel], tmp_path: Path, weights_cache: Path
) -> None:
    template = tmp_path / "chat.jinja"
    template.write_text("{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}")
    assert build(chat_template=str(template)).tokenizer.chat_template == template.read_text()
    with pytest.raises(ModelError, match=r"absent\.jinja.*model\.chat_template"):
        build(chat_template=str(tmp_path / "absent.jinja"))
    bare = tmp_path / "bare"
    built = build()
    built.tokenizer.chat_template = None
    built.tokenizer.save_pretrained(bare)
    built.reward_model.backbone.save_pretrained(bare)
    with pytest.raises(ModelError, match=r"no chat template; set model\.chat_template"):
        build(source=str(bare), init="pretrained")
