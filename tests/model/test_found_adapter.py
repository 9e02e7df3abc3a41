"""An adapter that exists: gone on with or merged, with its head, and refused where something would be lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, TaskType, get_peft_model
from safetensors.torch import load_file, save_file
from tests.model.batches import batch_of, random_sequences
from tests.model.shapes import tiny_backbone, tiny_causal_lm
from transformers import AutoModelForSequenceClassification

from rmx.config.schema import AdapterConfig, MethodConfig, ModelConfig
from rmx.data.render import Renderer
from rmx.errors import ConfigError, ModelError
from rmx.export import Findings, export_model
from rmx.model import BuiltModel, build_model, build_reward_model, trainable_state
from rmx.model.found_adapter import FoundAdapter, merge_found, put_on, read_found
from rmx.model.lora_linear import FusedLoraLinear

IDS = [[5, 6, 7, 8, 9], [11, 12], [20, 3, 4]]
KEY = "adapter.source"
VARIANTS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "patterns": {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"model.layers.0.self_attn.q_proj": 3}},
    "regex": {"target_modules": r"model\.layers\.1\..*proj"},
    "some layers": {"target_modules": ["q_proj"], "layers_to_transform": [1]},
}


def classifier(source: Any) -> Any:
    """Return transformers' classifier of one label around a copy of a base model's weights."""
    config = source.config.__class__(**{**source.config.to_dict(), "num_labels": 1})
    network = AutoModelForSequenceClassification.from_config(config)
    network.base_model.load_state_dict(source.state_dict())
    return network


def saved(network: Any, task: str, directory: Path, **changes: Any) -> Any:
    """Return the network with a peft adapter whose weights moved, and leave the adapter in `directory`."""
    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", **changes}
    wrapped = get_peft_model(network, LoraConfig(task_type=TaskType[task], **settings))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    wrapped.save_pretrained(directory)
    return wrapped.eval()


def hidden(network: Any) -> torch.Tensor:
    """Return the last hidden state of each text, (n, hidden)."""
    with torch.no_grad():
        return torch.stack([network(input_ids=torch.tensor([i])).last_hidden_state[0, -1] for i in IDS])


def gone_on(directory: Path, backbone: Any) -> tuple[Any, FoundAdapter]:
    found = read_found(directory, backbone, key=KEY)
    return put_on(backbone, found, key=KEY), found


def merged(directory: Path, backbone: Any) -> tuple[Any, FoundAdapter]:
    found = read_found(directory, backbone, key=KEY)
    merge_found(backbone, found, key=KEY)
    return backbone, found


WAYS = [gone_on, merged]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_classifiers_features_and_head_come_back(
    tmp_path: Path, variant: str, way: Callable[..., tuple[Any, FoundAdapter]]
) -> None:
    network = saved(classifier(tiny_backbone("llama")), "SEQ_CLS", tmp_path, **VARIANTS[variant])
    backbone, found = way(tmp_path, tiny_backbone("llama"))
    torch.testing.assert_close(hidden(backbone.eval()), hidden(network.base_model.model.model), atol=1e-5, rtol=1e-5)
    assert (hidden(backbone) - hidden(tiny_backbone("llama"))).abs().max() > 1e-3
    score = network.base_model.model.score
    assert torch.equal(found.head, score.modules_to_save["default"].weight)
    assert not found.left_out


def test_what_goes_on_training_is_the_adapter_alone(tmp_path: Path) -> None:
    saved(classifier(tiny_backbone("llama")), "SEQ_CLS", tmp_path, use_rslora=True)
    backbone, found = gone_on(tmp_path, tiny_backbone("llama"))
    trains = {name: p for name, p in backbone.named_parameters() if p.requires_grad}
    assert len(trains) == len(found.tensors) == 2 * 14
    assert all("lora_" in name for name in trains)
    assert sum(type(module) is FusedLoraLinear for module in backbone.modules()) == 14
    assert backbone.peft_config["default"].use_rslora is True


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["llama", "gpt_neox"])
def test_a_language_models_adapter_brings_no_head(
    tmp_path: Path, way: Callable[..., tuple[Any, FoundAdapter]], kind: str
) -> None:
    network = saved(tiny_causal_lm(kind), "CAUSAL_LM", tmp_path)
    source = tiny_causal_lm(kind).base_model
    backbone, found = way(tmp_path, source)
    expected = hidden(network.base_model.model.base_model)
    torch.testing.assert_close(hidden(backbone.eval()), expected, atol=1e-5, rtol=1e-5)
    assert found.head is None


def test_weights_that_trained_whole_are_merged_and_not_gone_on_with(tmp_path: Path) -> None:
    network = classifier(tiny_backbone("llama"))
    network = saved(network, "SEQ_CLS", tmp_path, target_modules=["q_proj"], modules_to_save=["score", "norm"])
    backbone, _ = merged(tmp_path, tiny_backbone("llama"))
    torch.testing.assert_close(hidden(backbone), hidden(network.base_model.model.model), atol=1e-5, rtol=1e-5)
    with pytest.raises(ModelError, match=r"norm.*trained whole.*model\.adapter"):
        gone_on(tmp_path, tiny_backbone("llama"))


def test_what_would_lose_something_is_refused(tmp_path: Path) -> None:
    saved(classifier(tiny_backbone("llama")), "SEQ_CLS", tmp_path)
    file, config = tmp_path / "adapter_model.safetensors", tmp_path / "adapter_config.json"
    tensors, settings = load_file(file), json.loads(config.read_text())
    some = next(iter(n for n in tensors if "lora_A" in n))

    def refused(message: str, directory: Path = tmp_path) -> None:
        with pytest.raises(ModelError, match=message) as error:
            gone_on(directory, tiny_backbone("llama"))
        assert "\n" not in str(error.value)

    refused("holds no adapter_config", tmp_path / "absent")
    save_file({n: t for n, t in tensors.items() if n != some}, file)
    refused("does not fit model.source.*it lacks")
    save_file({**tensors, some: tensors[some][:, :8].contiguous()}, file)
    refused("does not fit model.source")
    save_file({**tensors, "base_model.model.score.lora_A.weight": torch.ones(4, 32)}, file)
    refused("its head was adapted too, on a random one")
    save_file({n: t for n, t in tensors.items() if "score" in n}, file)
    refused("adapts no module of a llama")
    save_file({**tensors, "base_model.model.model.norm.weight": torch.ones(5)}, file)
    refused(r"norm\.weight has shape \(5,\), not the base's")
    save_file(tensors, file)
    config.write_text(json.dumps({**settings, "init_lora_weights": "pissa_niter_4"}))
    refused("pissa_niter_4, which changes the base weights")
    PrefixTuningConfig(num_virtual_tokens=2).save_pretrained(tmp_path)
    refused("only LoRA")
    config.write_text(json.dumps(settings))
    file.write_bytes(b"no tensors")
    refused("cannot be read")


def test_what_has_no_place_is_named(tmp_path: Path) -> None:
    saved(tiny_causal_lm("llama"), "CAUSAL_LM", tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    more = {"lm_head.lora_A.weight": torch.ones(4, 32), "score.weight": torch.ones(3, 32)}
    save_file({**load_file(file), **{f"base_model.model.{name}": t for name, t in more.items()}}, file)
    _, found = gone_on(tmp_path, tiny_backbone("llama"))
    note = found.told(KEY, "goes on training", "a fresh scalar head")
    assert note.startswith(f"adapter.source={tmp_path}: 14 modules, r=4, made for ")
    assert note.endswith("goes on training; a fresh scalar head; no place for lm_head; no place for score.weight")


@pytest.fixture(scope="module")
def base(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, BuiltModel]:
    """A small model as a directory with its tokenizer, and as it was built."""
    model = model_named("tiny-random")
    built = build_reward_model(model, AdapterConfig(kind="none"), layout="padded", seed=0, cache=weights_cache)
    directory = tmp_path_factory.mktemp("base")
    built.reward_model.backbone.save_pretrained(directory)
    built.tokenizer.save_pretrained(directory)
    return directory, built


@pytest.mark.slow
@pytest.mark.parametrize("key", ["adapter.source", "model.adapter"])
def test_training_starts_from_the_rewards_it_had_and_exports_them(
    base: tuple[Path, BuiltModel], weights_cache: Path, tmp_path: Path, key: str
) -> None:
    directory, plain = base
    peft = saved(classifier(plain.reward_model.backbone), "SEQ_CLS", tmp_path / "found", use_rslora=True)
    goes_on = key == "adapter.source"
    source = str(tmp_path / "found")
    model = ModelConfig(source=str(directory), adapter=None if goes_on else source)
    adapter = AdapterConfig(kind="peft", source=source) if goes_on else AdapterConfig(r=2)
    built = build_reward_model(model, adapter, layout="packed", seed=0, cache=weights_cache)
    sequences = random_sequences([8, 5])
    with torch.no_grad():
        rewards = built.reward_model.eval()(batch_of(sequences))
        features = [peft.base_model.model.model(torch.tensor([s])).last_hidden_state[0, -1] for s in sequences]
        expected = peft.base_model.model.score(torch.stack(features)).squeeze(1)
    torch.testing.assert_close(rewards, expected, atol=1e-5, rtol=1e-5)
    assert [note.startswith(f"{key}={source}") and "found scalar head" in note for note in built.notes] == [True]
    with torch.no_grad():
        for tensor in trainable_state(built.reward_model).values():
            tensor.add_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(2)) * 0.02)
        rewards = built.reward_model(batch_of(sequences))
    # Proves the merged form by itself.
    out = tmp_path / "model"
    contract = export_model(out, built.reward_model, Renderer(built.tokenizer), Findings(), built.facts)
    assert str(tmp_path) not in json.dumps(dict(contract.model))
    assert (out / "adapter").exists() == goes_on
    if goes_on:
        again = PeftModel.from_pretrained(classifier(plain.reward_model.backbone), out / "adapter").eval()
        with torch.no_grad():
            features = [again.base_model.model.model(torch.tensor([s])).last_hidden_state[0, -1] for s in sequences]
            found = again.base_model.model.score(torch.stack(features)).squeeze(1)
        torch.testing.assert_close(found, rewards, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "value"), [("head_init", "probe"), ("head_init_std", 0.0)])
def test_a_found_head_is_not_overwritten(
    base: tuple[Path, BuiltModel], weights_cache: Path, tmp_path: Path, name: str, value: Any
) -> None:
    directory, plain = base
    saved(classifier(plain.reward_model.backbone), "SEQ_CLS", tmp_path)
    model = ModelConfig(source=str(directory), **{name: value})
    adapter = AdapterConfig(kind="peft", source=str(tmp_path))
    with pytest.raises(ConfigError, match=rf"model\.{name}={value}: adapter\.source=.*head would be lost") as error:
        build_reward_model(model, adapter, layout="packed", seed=0, cache=weights_cache)
    assert "\n" not in str(error.value)


def test_a_merged_adapter_is_part_of_dpos_reference(
    base: tuple[Path, BuiltModel], weights_cache: Path, tmp_path: Path
) -> None:
    directory, plain = base
    saved(classifier(plain.reward_model.backbone), "SEQ_CLS", tmp_path)
    model = ModelConfig(source=str(directory), adapter=str(tmp_path))
    method = MethodConfig("dpo", beta=0.1)
    built = build_model(method, model, AdapterConfig(r=2), layout="packed", seed=0, cache=weights_cache)
    with torch.no_grad():
        assert not built.reward_model.eval()(batch_of(random_sequences([8, 5]))).any(), "untrained, it is its reference"
    assert built.facts["reference"]["adapter"] == str(tmp_path)


def test_an_adapter_as_model_source_says_what_can_be_done(weights_cache: Path, tmp_path: Path) -> None:
    saved(classifier(tiny_backbone("llama")), "SEQ_CLS", tmp_path)
    model = ModelConfig(source=str(tmp_path))
    with pytest.raises(ModelError, match=r"no model; give model\.source its base, and adapter=peft .*model\.adapter="):
        build_reward_model(model, AdapterConfig(), layout="packed", seed=0, cache=weights_cache)
