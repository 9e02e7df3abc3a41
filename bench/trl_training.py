"""Training side by side with TRL's RewardTrainer: the same pairs in the same order, the same first weights.

rmx trains as `python -m rmx.train` does; TRL gets the token ids of the same pairs in the same order, one batch an
optimiser step. The optimiser steps alone are timed, the first left out, and the losses of all of them are compared.

    python bench/trl_training.py [--steps=6] [--repeats=3] [--by-length] [overrides of rmx.train …]

`--by-length` lets TRL group its batches by length, as it can with a length column: then the pairs of a step differ.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from side_by_side import answer, bf16_rate, machine, median, peak_gib, run_side

COMMON = (
    "data.split.validation=0",
    "data.split.heldout=0",
    "batch.pairs=8",
    "optim.schedule=constant",
    "optim.warmup=0",
    "optim.lr=1e-4",
    "trainer.log_every=1",
)


def built(overrides: list[str], run: Path) -> tuple[Any, Any, Any, Any]:
    """Return configuration, model, data and renderer as the main job builds them."""
    from rmx.config.load import compose_config
    from rmx.data.render import Renderer
    from rmx.model import build_reward_model
    from rmx.run.corpus import build_corpus
    from rmx.run.trainer import set_threads

    config = compose_config("train", overrides, run=run)
    set_threads(config.trainer)
    cache = Path(config.paths.cache)
    model = build_reward_model(config.model, config.adapter, layout=config.batch.layout, seed=config.seed, cache=cache)
    renderer = Renderer(model.tokenizer, terminal=config.model.terminal)
    return config, model, build_corpus(config, renderer, [], cache=cache), renderer


def rmx_side(overrides: list[str], run: Path) -> dict[str, Any]:
    """Train as the command does."""
    from rmx.callbacks.metrics_file import read_metrics
    from rmx.run.directory import RunDirectory
    from rmx.run.training import fit

    config, model, corpus, renderer = built(overrides, run)
    fit(config, corpus, model, RunDirectory.claim(run, resume=False), template_hash=renderer.template_hash)
    rows = [row for row in read_metrics(run / "metrics.csv") if "train/loss" in row]
    backbone = sum(
        p.numel() for n, p in model.reward_model.backbone.named_parameters() if "embed" not in n and "lora" not in n
    )
    return {
        "loss": [row["train/loss"] for row in rows],
        "seconds": [config.batch.pairs / row["train/pairs_per_second"] for row in rows],
        "unique_tokens": [
            row["train/tokens_per_second"] * config.batch.pairs / row["train/pairs_per_second"] for row in rows
        ],
        "parameters": backbone,
        "peak_gib": peak_gib(),
    }


def trl_side(overrides: list[str], run: Path, *, by_length: bool) -> dict[str, Any]:
    """Train the same pairs with RewardTrainer."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForSequenceClassification, TrainerCallback
    from trl import RewardConfig, RewardTrainer

    from rmx.data.plan import StepPlan

    config, ours, corpus, _ = built([*overrides, "batch.layout=padded"], run)
    plan = StepPlan(
        corpus.train.groups,
        config.batch,
        seed=config.seed,
        fingerprint=corpus.prepared.fingerprint,
        max_epochs=config.trainer.max_epochs,
        max_steps=config.trainer.max_steps,
    )
    pairs, store = corpus.train, corpus.train.store
    members = [int(i) for _, step in plan.steps() for i in step]
    rows = [
        {
            "chosen_ids": store.ids(int(pairs.chosen[i])).tolist(),
            "rejected_ids": store.ids(int(pairs.rejected[i])).tolist(),
        }
        for i in members
    ]
    for row in rows:
        row["length"] = max(len(row["chosen_ids"]), len(row["rejected_ids"]))

    base = ours.reward_model.backbone.get_base_model()
    start = {n.replace(".base_layer.", "."): p for n, p in base.state_dict().items() if ".lora_" not in n}
    settings = base.config
    # SmolLM2 pads with its end token, and transformers would then pool one token early: a pad token of its own.
    ours.tokenizer.pad_token = "<|endoftext|>"
    settings.num_labels, settings.pad_token_id = 1, ours.tokenizer.pad_token_id
    model = AutoModelForSequenceClassification.from_config(settings, attn_implementation="sdpa")
    model.model.load_state_dict(start)
    with torch.no_grad():
        model.score.weight.copy_(ours.reward_model.head.weight)
    adapter = config.adapter
    lora = LoraConfig(
        task_type="SEQ_CLS",
        r=adapter.r,
        lora_alpha=adapter.alpha,
        lora_dropout=0.0,
        target_modules=adapter.targets,
        modules_to_save=["score"],
    )
    low = config.trainer.precision == "bf16-mixed"
    arguments = RewardConfig(
        output_dir=str(run / "trl"),
        per_device_train_batch_size=config.batch.pairs,
        max_steps=config.trainer.max_steps,
        learning_rate=config.optim.lr,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        bf16=low,
        use_cpu=True,
        gradient_checkpointing=False,
        max_length=None,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        **({"train_sampling_strategy": "group_by_length", "length_column_name": "length"} if by_length else {}),
    )

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.losses: list[float] = []

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds.append(time.perf_counter() - self.began)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **__: Any) -> None:
            if logs and "loss" in logs:
                self.losses.append(float(logs["loss"]))

    class InOrder(RewardTrainer):
        def _get_train_sampler(self, *arguments: Any) -> Any:
            return super()._get_train_sampler(*arguments) if by_length else SequentialSampler(self.train_dataset)

    clock = Clock()
    ours_lora = {n: p for n, p in ours.reward_model.backbone.named_parameters() if "lora_" in n}
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=ours.tokenizer,
        peft_config=lora,
        callbacks=[clock],
    )
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if "lora_" in name:
                parameter.copy_(ours_lora[name.replace("base_model.model.model.", "base_model.model.")])
    del ours
    trainer.train()
    return {"loss": clock.losses, "seconds": clock.seconds, "peak_gib": peak_gib()}


def compare(arguments: argparse.Namespace, overrides: list[str]) -> None:
    """Alternate the two sides and print medians and ratios."""
    flags = [f"--steps={arguments.steps}", *(["--by-length"] if arguments.by_length else []), *overrides]
    rates = bf16_rate()
    print(machine())
    print(f"a 2048 x 2048 x 2048 product: {rates['bf16']:.0f} GFLOP/s in bfloat16, {rates['fp32']:.0f} in float32")
    speeds, peaks = {"rmx": [], "trl": []}, {"rmx": [], "trl": []}
    shares = []
    for repeat in range(arguments.repeats):
        found = {side: run_side(__file__, side, [*flags, f"seed={repeat}"]) for side in ("rmx", "trl")}
        for side, values in found.items():
            timed = values["seconds"][1:]
            speeds[side].append(8 * len(timed) / sum(timed))
            peaks[side].append(values["peak_gib"])
        rmx = found["rmx"]
        tokens, seconds = sum(rmx["unique_tokens"][1:]), sum(rmx["seconds"][1:])
        shares.append(4 * rmx["parameters"] * tokens / seconds / 1e9 / rates["bf16"])
        apart = max(abs(a - b) for a, b in zip(found["rmx"]["loss"], found["trl"]["loss"], strict=True))
        print(
            f"seed {repeat}: rmx {speeds['rmx'][-1]:.2f} pairs/s ({tokens / seconds:.0f} distinct tokens/s), "
            f"TRL {speeds['trl'][-1]:.2f}, ratio {speeds['rmx'][-1] / speeds['trl'][-1]:.2f}; "
            f"peak {peaks['rmx'][-1]:.1f} and {peaks['trl'][-1]:.1f} GiB; "
            f"losses of {len(found['rmx']['loss'])} steps at most {apart:.1e} apart",
            flush=True,
        )
    ratio = median([a / b for a, b in zip(speeds["rmx"], speeds["trl"], strict=True)])
    memory = median(peaks["rmx"]) / median(peaks["trl"])
    print(f"median ratio of pairs/s {ratio:.2f}; median peak memory {memory:.2f} of TRL's")
    print(f"share of the bfloat16 product rate, 4 x parameters x distinct tokens: {median(shares):.0%}")


def main() -> None:
    """Measure, or be one side of a measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["rmx", "trl"])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--by-length", action="store_true")
    arguments, overrides = parser.parse_known_args()
    if arguments.side is None:
        compare(arguments, overrides)
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = [*COMMON, f"trainer.max_steps={arguments.steps}", *overrides]
        run = Path(folder) / "run"
        answer(
            rmx_side(settings, run)
            if arguments.side == "rmx"
            else trl_side(settings, run, by_length=arguments.by_length)
        )


if __name__ == "__main__":
    main()
