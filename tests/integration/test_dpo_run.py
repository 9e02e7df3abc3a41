"""A run of DPO from pairs to an exported policy: what it leaves gives the rewards that were judged."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.integration.test_finished_run import call
from transformers import AutoModelForCausalLM, AutoTokenizer

import rmx
from rmx.callbacks.metrics_file import read_metrics
from rmx.data.render import Renderer
from rmx.domain import Message
from rmx.errors import ExportError
from rmx.score_table import read_scores

JOB = [
    "method=dpo",
    "model=tiny-random",
    "data=synthetic",
    "data.world.pairs=200",
    "slice=[]",
    "scorer={}",
    "batch.pairs=16",
    "optim.lr=3e-3",
    "trainer.max_steps=6",
    "trainer.val_every=3",
    "trainer.threads=1",
]
TEXTS = [
    ("Which is larger, 7 or 12?", "12."),
    ("Which is larger, 7 or 12?", "12 is larger, and 7 is smaller."),
    ("Name a colour.", "Red"),
]


@pytest.fixture(scope="module", params=["lora", pytest.param("none", marks=pytest.mark.slow)])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dpo") / "run"
    call("train", *JOB, f"adapter={request.param}", f"hydra.run.dir={directory}")
    return directory


def losses(directory: Path) -> list[float]:
    return [row["train/loss"] for row in read_metrics(directory / "metrics.csv") if "train/loss" in row]


def plain_log_probs(network: Any, texts: list[tuple[str, str]]) -> list[float]:
    """Σ log π by plain transformers: the whole text's log-softmax, the completion's tokens picked out."""
    tokenizer = AutoTokenizer.from_pretrained(network.name_or_path)
    renderer = Renderer(tokenizer)
    store = renderer.encode([((Message("user", prompt),), completion) for prompt, completion in texts])
    found = []
    for i in range(len(texts)):
        ids = torch.from_numpy(store.ids(i)).long()
        with torch.no_grad():
            each = network(ids[None]).logits[0, :-1].log_softmax(-1).gather(1, ids[1:, None])
        found.append(float(each[-int(store.completion_lengths[i]) :].sum()))
    return found


def test_the_export_is_a_plain_policy_whose_reward_is_loaded_with_its_reference(finished: Path) -> None:
    assert losses(finished)[0] == pytest.approx(0.693147, abs=1e-6), "an untrained policy prefers nothing"
    assert len(set(losses(finished))) > 1
    contract = json.loads((finished / "model" / "rmx.json").read_text())
    assert (contract["method"], contract["beta"], contract["pooled_position"]) == ("dpo", 0.1, "completion")
    reward = rmx.load(finished)
    found = reward.score(*zip(*TEXTS, strict=True))
    policy = AutoModelForCausalLM.from_pretrained(finished / "model")
    base = _base(finished)
    expected = [
        0.1 * (a - b) for a, b in zip(plain_log_probs(policy, TEXTS), plain_log_probs(base, TEXTS), strict=True)
    ]
    assert found.tolist() == pytest.approx(expected, abs=1e-4)
    assert max(map(abs, expected)) > 0.01
    assert (finished / "model" / "adapter").is_dir() == ("none" not in str(contract["model"]["adapter"]))


def test_scores_of_the_run_are_those_of_the_reloaded_export(finished: Path, tmp_path: Path) -> None:
    call("evaluate", f"reward={finished}", "slice=[]", "gate.enforce=false", f"hydra.run.dir={tmp_path}")
    own, again = (chosen_rewards(directory / "scores" / "heldout.parquet") for directory in (finished, tmp_path))
    assert len(own) > 10
    assert again == pytest.approx(own, abs=1e-4)


def chosen_rewards(file: Path) -> dict[str, float]:
    rows = read_scores(file).table.to_pylist()
    return {row["pair_id"]: row["chosen_reward"] for row in rows if row["scorer"] == "model"}


def test_rmx_score_writes_the_rewards_of_load(finished: Path, tmp_path: Path) -> None:
    rows = [{"id": str(i), "prompt": p, "completion": c} for i, (p, c) in enumerate(TEXTS)]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    call("score", f"reward={finished}", f"input={source}", f"output={target}")
    written = [json.loads(line)["reward"] for line in target.read_text().splitlines()]
    assert written == pytest.approx(rmx.load(finished).score(*zip(*TEXTS, strict=True)).tolist(), abs=1e-5)


def test_the_cards_lines_run(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = (finished / "model" / "README.md").read_text()
    assert "text-generation" in card
    assert "Policy with an implicit reward" in card
    monkeypatch.chdir(finished)
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    (plain,) = (b for b in blocks if "AutoTokenizer" in b)
    names: dict[str, Any] = {}
    exec(plain, names)
    policy = AutoModelForCausalLM.from_pretrained(finished / "model")
    assert float(names["log_probability"]) == pytest.approx(plain_log_probs(policy, TEXTS[:1])[0], abs=1e-4)
    for block in blocks:
        if "PeftModel" in block:
            settings = json.loads((finished / "model" / "adapter" / "adapter_config.json").read_text())
            assert settings["task_type"] == "CAUSAL_LM"
            exec(block, {"BASE": settings["base_model_name_or_path"]})


def test_another_reference_or_beta_is_refused(finished: Path) -> None:
    file = finished / "model" / "rmx.json"
    kept = file.read_text()
    try:
        file.write_text(kept.replace('"beta": 0.1', '"beta": 0.2'))
        with pytest.raises(ExportError, match=r"golden input \d scores"):
            rmx.load(finished)
        file.write_text(kept.replace('"intermediate_size": 128', '"intermediate_size": 96'))
        with pytest.raises(Exception, match=r"golden input \d scores|does not fit") as refused:
            rmx.load(finished)
        assert "\n" not in str(refused.value)
    finally:
        file.write_text(kept)


def _base(finished: Path) -> Any:
    from rmx.config.schema import ModelConfig
    from rmx.model.cache import default_cache
    from rmx.model.weights import load_causal_lm

    contract = json.loads((finished / "model" / "rmx.json").read_text())
    network, _ = load_causal_lm(ModelConfig(**contract["reference"]), default_cache())
    return network
