"""Training side by side with TRL's RewardTrainer: the same pairs in the same order, the same first weights.

rmx trains as `python -m rmx.train` does; TRL gets the token ids of the same pairs in the same order, one batch an
optimiser step. Each side runs in a process of its own, in turn first and second. A step's time runs from the end of the
one before to its own end, so that loading and planning count; the first step is left out. The losses are compared.

    python bench/trl_training.py [--steps=6] [--repeats=3] [--validate=0] [--by-length] [overrides of rmx.train …]

`--validate=N` compares the loss after training on the pairs of N further steps. With `batch.group=true` a step of rmx
is whole groups, and TRL takes the same pairs in the same order 8 at a time.

`--by-length` takes the batches that TRL forms when it groups by length, as it can with a length column: an epoch of all
pairs is ordered by transformers' own function, and steps spread evenly over it stand for the whole.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from side_by_side import answer, bf16_rate, machine, median, peak_gib, run_side

PAIRS = 8
COMMON = (
    "recipe=none",
    "model.head_init=normal",
    "data.split.validation=0",
    "data.split.heldout=0",
    f"batch.pairs={PAIRS}",
    "optim.schedule=constant",
    "optim.warmup=0",
    "optim.lr=1e-4",
    "optim.head_lr=null",
    "optim.beta1=0.9",
    "optim.beta2=0.999",
    "optim.weight_decay=0",
    "optim.clip=1.0",
    "trainer.log_every=1",
)


def built(overrides: list[str], run: Path) -> tuple[Any, Any, Any, Any]:
    """Return configuration, model, data and renderer as the main job builds them."""
    from rmx.config.load import compose_config
    from rmx.data.render import Renderer
    from rmx.model import build_reward_model
    from rmx.run.corpus import build_corpus
    from rmx.run.process import settle_process

    config = compose_config("train", overrides, run=run)
    settle_process(config.trainer)
    cache = Path(config.paths.cache)
    model = build_reward_model(config.model, config.adapter, layout=config.batch.layout, seed=config.seed, cache=cache)
    renderer = Renderer(model.tokenizer, terminal=config.model.terminal)
    return config, model, build_corpus(config, renderer, [], cache=cache), renderer


def plan_of(config: Any, corpus: Any, further: int) -> list[list[int]]:
    """Return the pairs of every step, and of `further` steps after the last."""
    from rmx.run.training import step_plan

    longer = replace(config, trainer=replace(config.trainer, max_steps=config.trainer.max_steps + further))
    return [members.tolist() for _, members in step_plan(longer, corpus).steps()]


def grouped_by_length(config: Any, corpus: Any) -> list[list[int]]:
    """Return as many of TRL's length-grouped batches as there are steps, spread evenly over its epoch."""
    import numpy as np
    import torch
    from transformers.trainer_pt_utils import get_length_grouped_indices

    pairs = corpus.train
    lengths = pairs.store.lengths
    longest = np.maximum(lengths[pairs.chosen], lengths[pairs.rejected]).tolist()
    order = get_length_grouped_indices(longest, PAIRS, generator=torch.Generator().manual_seed(config.seed))
    full = [order[i : i + PAIRS] for i in range(0, len(order) - PAIRS + 1, PAIRS)]
    steps = config.trainer.max_steps
    return [full[int((k + 0.5) * len(full) / steps)] for k in range(steps)]


def train_on(batches: list[list[int]]) -> None:
    """Let rmx train on these batches, whatever its configuration would choose."""
    import numpy as np

    from rmx.data.plan import StepPlan

    def steps(_: StepPlan, start: int = 0) -> Any:
        yield from ((k, np.array(batch)) for k, batch in enumerate(batches) if k >= start)

    StepPlan.steps = steps  # type: ignore[method-assign]


def prepare(overrides: list[str], folder: Path, further: int, *, by_length: bool) -> None:
    """Write what TRL starts from: the pairs of every step, the model with its head, the adapter's first weights."""
    import torch
    from transformers import AutoModelForSequenceClassification

    config, model, corpus, _ = built([*overrides, "batch.layout=padded"], folder / "unused")
    pairs, store = corpus.train, corpus.train.store
    if by_length:
        (folder / "batches.json").write_text(json.dumps(grouped_by_length(config, corpus)))
        train_on(grouped_by_length(config, corpus))
    members = [i for step in plan_of(config, corpus, further) for i in step]
    sides = {"chosen_ids": pairs.chosen, "rejected_ids": pairs.rejected}
    rows = [{name: store.ids(int(side[i])).tolist() for name, side in sides.items()} for i in members]
    (folder / "rows.json").write_text(json.dumps(rows))
    backbone = model.reward_model.backbone
    base = backbone.get_base_model()
    settings = base.config
    # SmolLM2 pads with its end token, and transformers would then pool one token early: a pad token of its own.
    model.tokenizer.pad_token = "<|endoftext|>"
    settings.num_labels, settings.pad_token_id = 1, model.tokenizer.pad_token_id
    network = AutoModelForSequenceClassification.from_config(settings)
    frozen = {n.replace(".base_layer.", "."): p for n, p in base.state_dict().items() if ".lora_" not in n}
    network.model.load_state_dict(frozen)
    with torch.no_grad():
        network.score.weight.copy_(model.reward_model.head.weight)
    network.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    torch.save({n: p for n, p in backbone.named_parameters() if "lora_" in n}, folder / "adapter.pt")
    adapter = config.adapter
    (folder / "settings.json").write_text(
        json.dumps(
            {
                "r": adapter.r,
                "alpha": adapter.alpha,
                "targets": adapter.targets,
                "steps": sum(map(len, plan_of(config, corpus, 0))) // PAIRS,
                "lr": config.optim.lr,
                "bf16": config.trainer.precision == "bf16-mixed",
                "threads": torch.get_num_threads(),
            }
        )
    )


def rmx_side(overrides: list[str], run: Path, further: int) -> dict[str, Any]:
    """Train as the command does."""
    import numpy as np
    import torch

    from rmx.callbacks.metrics_file import read_metrics
    from rmx.data.sequences import micro_batch
    from rmx.module import RewardModule
    from rmx.run.directory import RunDirectory
    from rmx.run.training import fit
    from rmx.run.watch import build_watch

    ends: list[float] = []
    tokens: list[int] = []
    pairs: list[int] = []
    plain = RewardModule.training_step

    def timed(self: Any, batch: Any, index: int) -> Any:
        done = plain(self, batch, index)
        ends.append(time.perf_counter())
        pairs.append(len(batch.pair_ids))
        tokens.append(sum(len(micro.sequences.forest.ids) for micro in batch.micro))
        return done

    RewardModule.training_step = timed  # type: ignore[method-assign]
    given = run.parent / "batches.json"
    if given.exists():
        train_on(json.loads(given.read_text()))
    config, model, corpus, renderer = built(overrides, run)
    directory = RunDirectory.claim(run, resume=False)
    fit(config, corpus, model, directory, watch=build_watch({}), renderer=renderer)
    rows = [row for row in read_metrics(run / "metrics.csv") if "train/loss" in row]
    peak = peak_gib()
    unseen = []
    for members in plan_of(config, corpus, further)[config.trainer.max_steps :]:
        micro = micro_batch(corpus.train, np.array(members))
        with torch.no_grad():
            rewards = model.reward_model.eval()(micro.sequences)
        margins = rewards[micro.chosen] - rewards[micro.rejected]
        unseen += torch.nn.functional.softplus(-margins).tolist()
    named = model.reward_model.backbone.named_parameters()
    return {
        "loss": [row["train/loss"] for row in rows],
        "ends": ends,
        "distinct_tokens": tokens,
        "pairs": pairs,
        "parameters": sum(p.numel() for n, p in named if "embed" not in n and "lora" not in n),
        "peak_gib": peak,
        "validation": sum(unseen) / max(1, len(unseen)),
    }


def trl_side(folder: Path) -> dict[str, Any]:
    """Train the same pairs with RewardTrainer."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
    from trl import RewardConfig, RewardTrainer

    settings = json.loads((folder / "settings.json").read_text())
    torch.set_num_threads(settings["threads"])
    rows = json.loads((folder / "rows.json").read_text())
    lora = LoraConfig(
        task_type="SEQ_CLS",
        r=settings["r"],
        lora_alpha=settings["alpha"],
        lora_dropout=0.0,
        target_modules=settings["targets"],
        modules_to_save=["score"],
    )
    arguments = RewardConfig(
        output_dir=str(folder / "trl"),
        per_device_train_batch_size=PAIRS,
        max_steps=settings["steps"],
        learning_rate=settings["lr"],
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        bf16=settings["bf16"],
        use_cpu=True,
        gradient_checkpointing=False,
        max_length=None,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []
            self.losses: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ends.append(time.perf_counter())

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **__: Any) -> None:
            if logs and "loss" in logs:
                self.losses.append(float(logs["loss"]))

    class InOrder(RewardTrainer):
        def _get_train_sampler(self, *arguments: Any) -> Any:
            return SequentialSampler(self.train_dataset)

    clock = Clock()
    trainer = InOrder(
        model=AutoModelForSequenceClassification.from_pretrained(folder / "model", attn_implementation="sdpa"),
        args=arguments,
        train_dataset=Dataset.from_list(rows[: settings["steps"] * PAIRS]),
        processing_class=AutoTokenizer.from_pretrained(folder / "model"),
        peft_config=lora,
        callbacks=[clock],
    )
    first = torch.load(folder / "adapter.pt")
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if "lora_" in name:
                parameter.copy_(first[name.replace("base_model.model.model.", "base_model.model.")])
    trainer.train()
    peak = peak_gib()
    rest = rows[settings["steps"] * PAIRS :]
    validation = trainer.evaluate(Dataset.from_list(rest))["eval_loss"] if rest else 0.0
    pairs = [PAIRS] * len(clock.ends)
    return {"loss": clock.losses, "ends": clock.ends, "pairs": pairs, "peak_gib": peak, "validation": validation}


def compare(arguments: argparse.Namespace, overrides: list[str]) -> None:
    """Alternate the two sides and print medians and ratios."""
    rates = bf16_rate()
    print(machine())
    print(f"a 2048 x 2048 x 2048 product: {rates['bf16']:.0f} GFLOP/s in bfloat16, {rates['fp32']:.0f} in float32")
    speeds: dict[str, list[float]] = {"rmx": [], "trl": []}
    peaks: dict[str, list[float]] = {"rmx": [], "trl": []}
    shares = []
    differences = []
    for repeat in range(arguments.repeats):
        flags = [f"--steps={arguments.steps}", f"--validate={arguments.validate}"]
        flags += ["--by-length"] if arguments.by_length else []
        with tempfile.TemporaryDirectory() as folder:
            given = [*flags, f"--folder={folder}", *overrides, f"seed={repeat}"]
            run_side(__file__, "prepare", given)
            order = ("rmx", "trl") if repeat % 2 == 0 else ("trl", "rmx")
            found = {side: run_side(__file__, side, given) for side in order}
        for side, values in found.items():
            ends = values["ends"]
            speeds[side].append(sum(values["pairs"][1:]) / (ends[-1] - ends[0]))
            peaks[side].append(values["peak_gib"])
        rmx = found["rmx"]
        rate = sum(rmx["distinct_tokens"][1:]) / (rmx["ends"][-1] - rmx["ends"][0])
        shares.append(4 * rmx["parameters"] * rate / 1e9 / rates["bf16"])
        same = found["rmx"]["pairs"] == found["trl"]["pairs"]
        apart = max(abs(a - b) for a, b in zip(rmx["loss"], found["trl"]["loss"], strict=True)) if same else None
        differences.append(rmx["validation"] - found["trl"]["validation"])
        print(
            f"seed {repeat}: rmx {speeds['rmx'][-1]:.2f} pairs/s ({rate:.0f} distinct tokens/s), "
            f"TRL {speeds['trl'][-1]:.2f}, ratio {speeds['rmx'][-1] / speeds['trl'][-1]:.2f}; "
            f"peak {peaks['rmx'][-1]:.1f} and {peaks['trl'][-1]:.1f} GiB; "
            + ("" if apart is None else f"losses of {len(rmx['loss'])} steps at most {apart:.1e} apart"),
            flush=True,
        )
    ratio = median([a / b for a, b in zip(speeds["rmx"], speeds["trl"], strict=True)])
    memory = median(peaks["rmx"]) / median(peaks["trl"])
    print(f"median ratio of pairs/s {ratio:.2f}; median peak memory {memory:.2f} of TRL's")
    if arguments.validate:
        apart = ", ".join(f"{d:+.1e}" for d in differences)
        print(f"loss on {PAIRS * arguments.validate} other pairs after training, rmx - TRL: {apart}")
        print(spread(differences))
    print(f"share of the bfloat16 product rate, 4 x parameters x distinct tokens: {median(shares):.0%}")


def spread(differences: list[float]) -> str:
    """Return mean and t interval over the seeds, in words."""
    from scipy.stats import sem, t

    if len(differences) < 2:
        return "one seed, no interval"
    mean = sum(differences) / len(differences)
    reach = float(sem(differences) * t.ppf(0.975, len(differences) - 1))
    return f"mean {mean:+.1e} [{mean - reach:+.1e}, {mean + reach:+.1e}]"


def main() -> None:
    """Measure, or be one side of a measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["prepare", "rmx", "trl"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--validate", type=int, default=0)
    parser.add_argument("--by-length", action="store_true")
    arguments, overrides = parser.parse_known_args()
    settings = [*COMMON, f"trainer.max_steps={arguments.steps}", *overrides]
    if arguments.side is None:
        compare(arguments, overrides)
    elif arguments.side == "prepare":
        prepare(settings, arguments.folder, arguments.validate, by_length=arguments.by_length)
        answer({})
    elif arguments.side == "rmx":
        answer(rmx_side(settings, arguments.folder / "run", arguments.validate))
    else:
        answer(trl_side(arguments.folder))


if __name__ == "__main__":
    main()
