"""What people bring, crossed: data formats, backbones, adapters; and what each combination must do."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from breadth_rows import FORMATS
from tests.model.shapes import ENCODERS, save_tiny
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rmx.config.load import compose_config
from rmx.config.schema import AdapterConfig, Config
from rmx.data.render import Renderer
from rmx.data.turns import given_ids, split_tools, unpack
from rmx.domain import Message
from rmx.export import Findings, export_model
from rmx.model import build_model, trainable_state
from rmx.model.scoring import map_sequences
from rmx.run.corpus import Corpus, build_corpus
from rmx.run.directory import RunDirectory
from rmx.run.training import fit
from tool_templates import TOOLS

__all__ = ["ADAPTERS", "CELLS", "MODELS", "train_and_reload"]

MODELS = (
    "llama",
    "qwen2",
    "qwen3",
    "mistral",
    "gemma2",
    "gemma3_text",
    "phi3",
    "gpt_neox",
    "gpt2",
    "olmo2",
    "mixtral",
    "qwen3_moe",
    "modernbert",
    "bert",
)
"""transformers' architectures by model_type; tiny, with random weights, everything else is real."""

ADAPTERS: dict[str, AdapterConfig] = {
    kind: AdapterConfig(kind=kind, r=4, alpha=8.0) for kind in ("none", "lora", "rslora", "dora")
}

_NO_TOOLS = ENCODERS
"""Their template knows no tools: such rows leave, and say why."""

EXPERTS = ("mixtral", "qwen3_moe")
"""Their experts are no linear layers, which is what DoRA is defined for: it is put on the attention alone."""

CELLS = [
    (data, model, adapter)
    for data in FORMATS
    for model in MODELS
    for adapter in ADAPTERS
    if data != "tool calls" or model not in _NO_TOOLS
]

_STEPS = 2
_JOB = (
    "recipe=none",
    "model.head_init=normal",
    "slice=[]",
    "data.split.validation=0",
    "data.split.heldout=0",
    "data.max_length=400",
    "batch.pairs=4",
    "optim.lr=1e-3",
    # Without it a bias that shifts every reward alike, a last LayerNorm's, has no gradient.
    "loss.center=0.01",
    f"trainer.max_steps={_STEPS}",
    "trainer.threads=1",
    "trainer.quiet=true",
)


def train_and_reload(data: str, model: str, adapter: str, *, cache: Path, directory: Path) -> None:
    """Train two steps, export, read the export with transformers alone: same token ids, same rewards."""
    config = _configured(data, model, adapter, directory)
    run = RunDirectory.claim(directory / "run")
    pl.seed_everything(config.seed, verbose=False)
    built = build_model(
        config.method, config.model, config.adapter, layout=config.batch.layout, seed=config.seed, cache=cache
    )
    if built.unpacked:
        config = replace(config, batch=replace(config.batch, layout="padded"))
    renderer = Renderer(built.tokenizer, terminal=config.model.terminal)
    corpus = build_corpus(config, renderer, [], cache=cache)
    before = {name: tensor.clone() for name, tensor in trainable_state(built.reward_model).items()}
    trained = fit(config, corpus, built, run, watch=[], renderer=renderer)
    assert trained.steps == _STEPS
    unmoved = [n for n, tensor in trainable_state(built.reward_model).items() if torch.equal(tensor, before[n])]
    assert not unmoved, f"did not train: {unmoved}"
    export_model(run.model, built.reward_model, renderer, Findings(), built.facts)
    _assert_same_texts(run.model, corpus)
    _assert_same_rewards(run.model, config, built.reward_model, corpus)


def _shipped(name: str) -> str:
    return (files("rmx.model") / "chat_templates" / f"{name}.jinja").read_text("utf-8")


def _configured(name: str, model: str, adapter: str, directory: Path) -> Config:
    data = FORMATS[name]
    source = save_tiny(model, directory / "source")
    tokenizer = AutoTokenizer.from_pretrained(source)
    template = _shipped("encoder") if model in ENCODERS else TOOLS if name == "tool calls" else tokenizer.chat_template
    (directory / "template.jinja").write_text(template, encoding="utf-8")

    def encode(messages: list[dict[str, Any]]) -> list[int]:
        text = tokenizer.apply_chat_template(messages, tokenize=False, chat_template=template)
        ids: list[int] = tokenizer(text.rstrip("\n"), add_special_tokens=False)["input_ids"]
        return ids

    file = directory / "rows.jsonl"
    file.write_text(data.lines(encode), encoding="utf-8")
    place = [f"data.path={file}"] if data.rows else []
    if name == "mixture":
        place = [f"data.sources.mine.path={file}"]
    chosen = [f"model.source={source}", f"model.chat_template={directory / 'template.jinja'}"]
    config = compose_config("train", [*data.overrides, *_JOB, *chosen, *place], run=directory / "run")
    put_on = ADAPTERS[adapter]
    if adapter == "dora" and model in EXPERTS:
        put_on = replace(put_on, targets=["q_proj", "v_proj"])
    return replace(config, adapter=put_on)


def _assert_same_texts(exported: Path, corpus: Corpus) -> None:
    tokenizer = AutoTokenizer.from_pretrained(exported)
    train = corpus.train
    for number, pair in enumerate(corpus.prepared.splits["train"]):
        for side, sequence in ((pair.chosen, train.chosen[number]), (pair.rejected, train.rejected[number])):
            tools, turns = split_tools((*pair.prompt, Message("assistant", side)))
            if (given := given_ids(side)) is not None:
                ids = [*(given_ids(pair.prompt[0].content) or ("", []))[1], *given[1]]
            else:
                messages = [unpack(turn) for turn in turns]
                ids = tokenizer.apply_chat_template(messages, tools=tools, tokenize=True, return_dict=False)
            assert ids == train.store.ids(sequence).tolist()


def _assert_same_rewards(exported: Path, config: Config, model: Any, corpus: Corpus) -> None:
    network = AutoModelForSequenceClassification.from_pretrained(exported).eval()
    store = corpus.train.store
    recorded = torch.as_tensor(map_sequences(model.eval(), store, config.batch, device=model.device))
    with torch.no_grad():
        texts = [torch.tensor([store.ids(i).tolist()]) for i in range(len(store))]
        plain = [network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, 0] for ids in texts]
    found = torch.stack(plain).float()
    assert ((found - recorded).abs() <= 1e-5 * recorded.abs().clamp(min=1)).all()
    # Two texts of one reward would pass for any model.
    assert recorded.std() > 1e-4
