"""How the time of a training step grows: with the number of pairs, and with the length of their prompts.

Random tokens, two completions of 64 tokens a prompt, LoRA on the embedded model, forward and backward, micro-batches of
the default size. Steps with prompts of different lengths have about as many distinct tokens, so that only the length
differs. Each setting is measured several times, all in turn; the median counts.

    python bench/growth.py [--layers=30] [--repeats=3] [--bf16] [--plot=bench/growth.png]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from rmx.config.schema import AdapterConfig, BatchConfig, ModelConfig, TrainerConfig
from rmx.data.sequences import PairSet, micro_batch
from rmx.data.shards import pair_shards
from rmx.data.token_store import TokenStore
from rmx.model import build_reward_model
from rmx.run.process import settle_process
from side_by_side import machine, median

ROOT = Path(__file__).resolve().parents[1]
COMPLETION = 64
PAIRS = ((8, 256), (16, 256), (32, 256))
PROMPTS = ((18, 128), (12, 256), (7, 512), (4, 1024))
BATCH = BatchConfig()


def pair_set(pairs: int, prompt: int) -> PairSet:
    """Return pairs of random tokens with prompts of one length."""
    rng = np.random.default_rng(0)
    sequences = []
    for _ in range(pairs):
        start = rng.integers(20, 40_000, prompt)
        sequences += [np.concatenate([start, rng.integers(20, 40_000, COMPLETION)]) for _ in range(2)]
    flat = np.concatenate(sequences).astype(np.int32)
    lengths = np.full(2 * pairs, prompt + COMPLETION)
    nothing = np.zeros(2 * pairs, np.int64)
    store = TokenStore(flat, np.cumsum(lengths) - lengths, lengths, nothing, nothing)
    ids, zeros = tuple(map(str, range(pairs))), np.zeros(pairs, np.float32)
    sides = np.arange(2 * pairs)
    return PairSet(store, ids, ids, sides[0::2], sides[1::2], zeros, zeros, np.ones(pairs, np.float32))


def step(model: Any, pairs: PairSet, *, bf16: bool) -> float:
    """Return the seconds of one step, planning included."""
    start = time.perf_counter()
    (shards,) = pair_shards(pairs, np.arange(len(pairs)), BATCH, world_size=1)
    for shard in shards:
        micro = micro_batch(pairs, shard.members)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            rewards = model(micro.sequences)
        torch.nn.functional.softplus(rewards[micro.rejected] - rewards[micro.chosen]).sum().backward()
    model.zero_grad()
    return time.perf_counter() - start


def draw(file: Path, curves: dict[str, tuple[list[int], list[float]]]) -> None:
    """Plot seconds against distinct tokens, and microseconds a token against the length of the prompt."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    tokens, seconds = curves["pairs"]
    left.plot(tokens, seconds, "o-")
    left.plot([0, tokens[-1]], [0, seconds[0] / tokens[0] * tokens[-1]], ":", color="grey", label="proportional")
    left.set(xlabel="distinct tokens of a step", ylabel="seconds", xlim=0, ylim=0)
    left.legend()
    lengths, each = curves["prompts"]
    right.plot(lengths, each, "o-")
    right.axhspan(each[0], 1.2 * each[0], color="grey", alpha=0.2, label="within 20% of the shortest")
    right.set(xlabel="tokens of a prompt", ylabel="microseconds a distinct token", ylim=0)
    right.legend()
    figure.savefig(file, dpi=110)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    settle_process(TrainerConfig(accelerator="cpu"))
    fields = yaml.safe_load((ROOT / "conf" / "model" / "smollm2-135m.yaml").read_text())
    config = ModelConfig(**{**fields, "layers": arguments.layers})
    cache = Path("~/.cache/rmx").expanduser()
    model = build_reward_model(config, AdapterConfig(), layout="packed", seed=0, cache=cache).reward_model.train()
    print(f"{machine()}; {arguments.layers} layers, {'bfloat16 autocast' if arguments.bf16 else 'float32'}")
    settings = list(dict.fromkeys([*PAIRS, *PROMPTS]))
    data = {s: pair_set(*s) for s in settings}
    step(model, data[settings[0]], bf16=arguments.bf16)
    times: dict[tuple[int, int], list[float]] = {s: [] for s in settings}
    for _ in range(arguments.repeats):
        for setting in settings:
            times[setting].append(step(model, data[setting], bf16=arguments.bf16))
    tokens = {(p, n): p * (n + 2 * COMPLETION) for p, n in settings}
    each = {s: median(times[s]) / tokens[s] * 1e6 for s in settings}
    for name, group in (("pairs", PAIRS), ("prompt length", PROMPTS)):
        for pairs, prompt in group:
            s = (pairs, prompt)
            print(
                f"{name}: {pairs} pairs, prompts of {prompt}: {tokens[s]:,} distinct tokens, {median(times[s]):.2f} s, "
                f"{each[s]:.0f} us a token, {each[s] / each[group[0]]:.2f} of the first"
            )
    if arguments.plot:
        draw(
            arguments.plot,
            {
                "pairs": ([tokens[s] for s in PAIRS], [median(times[s]) for s in PAIRS]),
                "prompts": ([n for _, n in PROMPTS], [each[s] for s in PROMPTS]),
            },
        )


if __name__ == "__main__":
    main()
