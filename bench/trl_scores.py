"""Rewards of `rmx.evaluate scorer=trl` against those of TRL's own data preparation, collator and model.

A small RewardTrainer trains a few steps on rows written here (a tiny random Llama with SmolLM2's tokenizer), in full
and as LoRA with `modules_to_save=["score"]`, on standard and on conversational rows, and saves itself. Both sides then
score the same rows; the adapter is scored as saved and merged.

Run with the `bench` extra: python bench/trl_scores.py
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import Dataset
from peft import LoraConfig, TaskType
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig
from trl import RewardConfig, RewardTrainer

from rmx.config.load import compose_config
from rmx.domain import Message
from rmx.model.source import resolve
from rmx.run.evaluation import evaluate
from rmx.score_table import candidate_id, read_candidates

TOLERANCE = 1e-5
SIDES = ("chosen", "rejected")
SHAPE = {
    "vocab_size": 49152,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


def rows() -> list[dict[str, str]]:
    """Return 24 pairs of unequal lengths."""
    return [
        {
            "prompt": f"Question {i}: how many corners has a figure of {i + 3} sides?" + " Be brief." * (i % 3),
            "chosen": f"It has {i + 3} corners" + ", one at each meeting of two sides" * (i % 4) + ".",
            "rejected": f"About {i + 5}, I would guess" + " … or maybe not" * (i % 5),
        }
        for i in range(24)
    ]


def as_messages(row: dict[str, str]) -> dict[str, Any]:
    """Return a row as a conversation."""
    turn = {"chosen": "assistant", "rejected": "assistant", "prompt": "user"}
    return {name: [{"role": turn[name], "content": text}] for name, text in row.items()}


def train(folder: Path, base: Path, *, lora: bool, conversational: bool) -> dict[str, float]:
    """Train, save into `folder`, and return TRL's own rewards by candidate."""
    data = Dataset.from_list([as_messages(row) if conversational else row for row in rows()])
    config = RewardConfig(
        output_dir=str(folder / "trainer"),
        max_steps=4,
        per_device_train_batch_size=4,
        learning_rate=1e-3,
        bf16=False,
        gradient_checkpointing=False,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
    )
    adapter = LoraConfig(r=4, task_type=TaskType.SEQ_CLS, target_modules="all-linear", modules_to_save=["score"])
    trainer = RewardTrainer(model=str(base), args=config, train_dataset=data, peft_config=adapter if lora else None)
    trainer.train()
    trainer.save_model(str(folder / "saved"))
    prepared = trainer._prepare_dataset(data, trainer.processing_class, config, "scored")
    model = trainer.model.eval()
    found = {}
    for row, ids in zip(rows(), prepared, strict=True):
        batch = trainer.data_collator([{k: v for k, v in ids.items() if k.endswith("_ids")}])
        with torch.no_grad():
            rewards = model(**batch).logits.squeeze(-1).tolist()
        for side, reward in zip(SIDES, rewards, strict=True):
            found[candidate_id((Message("user", row["prompt"]),), row[side])] = reward
    if lora:
        merged = model.merge_and_unload()
        merged.save_pretrained(folder / "merged")
        trainer.processing_class.save_pretrained(folder / "merged")
    return found


def judged(reward: Path, folder: Path, *, conversational: bool) -> dict[str, float]:
    """Return the rewards by candidate that `rmx.evaluate` writes."""
    pairs = folder / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    form = "conversational" if conversational else "standard"
    given = ["scorer=trl", f"scorer.trl.text={form}", f"reward={reward}", "data=jsonl", f"data.path={pairs}"]
    run = folder / f"run-{reward.name}"
    with contextlib.redirect_stdout(io.StringIO()):
        evaluate(compose_config("evaluate", [*given, "data.near_duplicates=false", "audit=fast"], run=run))
    table = read_candidates(run / "scores" / "heldout.candidates.parquet").of("model")
    return dict(zip(table["candidate_id"].to_pylist(), table["reward"].to_pylist(), strict=True))


def make_base(folder: Path) -> Path:
    """Write the untrained base: a tiny random Llama as a language model would be saved, with SmolLM2's tokenizer."""
    cache = Path("~/.cache/rmx").expanduser()
    source = resolve(compose_config("train", ["model=tiny-random"], run=folder).model, cache, weights=False)
    tokenizer = AutoTokenizer.from_pretrained(source.path)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(LlamaConfig(**SHAPE)).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    return folder / "base"


def main() -> None:
    """Compare the four trainings, the adapters twice; fail on a difference."""
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        base = make_base(Path(name))
        for lora in (False, True):
            for conversational in (False, True):
                folder = Path(name) / f"{lora}-{conversational}"
                theirs = train(folder, base, lora=lora, conversational=conversational)
                for saved in ("saved", "merged") if lora else ("saved",):
                    ours = judged(folder / saved, folder, conversational=conversational)
                    assert len(ours) == 2 * len(rows())
                    apart = max(abs(ours[key] - theirs[key]) / max(1.0, abs(theirs[key])) for key in ours)
                    spread = max(theirs.values()) - min(theirs.values())
                    form = "conversational" if conversational else "standard"
                    print(
                        f"trl {trl.__version__}: {'LoRA' if lora else 'full'}, {saved}, {form}: {len(ours)} rewards "
                        f"over {spread:.3g}, greatest difference {apart:.1e}"
                    )
                    worst = max(worst, apart)
    if not worst <= TOLERANCE:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
