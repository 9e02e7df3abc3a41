"""Scoring side by side: HH pairs against RewardBench's own pipeline, and candidate groups against padded batches.

Each side runs alternately in a process of its own, on the same weights in float32, and the rewards are compared.

    python bench/scoring.py --wheel=rewardbench-0.1.4-py3-none-any.whl [--pairs=120] [--repeats=3] [overrides]
    python bench/scoring.py --candidates=16 [--prompts=6] [--repeats=3] [overrides]

The wheel comes from `pip download --no-deps rewardbench==0.1.4`; its pinned dependencies would replace transformers, so
only the one module with the pipeline is loaded from it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from side_by_side import answer, machine, median, peak_gib, run_side

_BATCH = 8


def texts(
    arguments: argparse.Namespace, overrides: list[str], run: Path
) -> tuple[Any, Any, list[tuple[int, int]], Any]:
    """Return model, store of sequences, and which of them form what is scored together."""
    from rmx.config.load import compose_config
    from rmx.data.render import Renderer
    from rmx.model import build_reward_model
    from rmx.run.corpus import build_corpus
    from rmx.run.trainer import set_threads

    layout = "packed" if arguments.side == "rmx" else "padded"
    shares = ("data.split.validation=0", "data.split.heldout=0", "adapter=none")
    config = compose_config("train", [*shares, f"batch.layout={layout}", *overrides], run=run)
    set_threads(config.trainer)
    cache = Path(config.paths.cache)
    model = build_reward_model(config.model, config.adapter, layout=layout, seed=0, cache=cache)
    corpus = build_corpus(config, Renderer(model.tokenizer, terminal=config.model.terminal), [], cache=cache)
    train = corpus.train
    if arguments.candidates:
        groups: dict[str, set[int]] = {}
        for group, a, b in zip(train.groups, train.chosen.tolist(), train.rejected.tolist(), strict=True):
            groups.setdefault(group, set()).update((a, b))
        whole = [sorted(g)[: arguments.candidates] for g in groups.values() if len(g) >= arguments.candidates]
        batches = whole[: arguments.prompts]
    else:
        pairs = np.random.default_rng(0).permutation(len(train))[: arguments.pairs]
        parts = [pairs[i : i + _BATCH] for i in range(0, len(pairs), _BATCH)]
        batches = [side[part].tolist() for part in parts for side in (train.chosen, train.rejected)]
    return model, train.store, batches, config.batch


def rmx_side(model: Any, store: Any, batches: list[list[int]], batch: Any) -> tuple[Any, float]:
    """Score as `rmx.score` and the trainer do."""
    from rmx.model.scoring import map_sequences

    members = np.array([i for part in batches for i in part])
    chosen = store.select(members)
    start = time.perf_counter()
    rewards = map_sequences(model.reward_model.eval(), chosen, batch)
    return rewards, time.perf_counter() - start


def padded_side(model: Any, store: Any, batches: list[list[int]]) -> tuple[Any, float]:
    """Score each candidate group as one padded batch."""
    import torch

    from rmx.data.sequences import sequence_batch

    start = time.perf_counter()
    with torch.no_grad():
        found = [model.reward_model.eval()(sequence_batch(store, np.array(part))).numpy() for part in batches]
    return np.concatenate(found), time.perf_counter() - start


def rewardbench_side(model: Any, store: Any, batches: list[list[int]], wheel: Path) -> tuple[Any, float]:
    """Score chosen and rejected batches of 8 in the order of the data, as RewardBench does, on the CPU."""
    import torch
    from transformers import AutoModelForSequenceClassification, BatchEncoding

    pipeline = _pipeline(wheel)
    BatchEncoding.to = lambda self, device: self  # the pipeline names cuda
    tokenizer = model.tokenizer
    # SmolLM2 pads with its end token, and transformers would then pool one token early: a pad token of its own.
    tokenizer.pad_token = "<|endoftext|>"
    settings = model.reward_model.backbone.config
    settings.num_labels, settings.pad_token_id = 1, tokenizer.pad_token_id
    network = AutoModelForSequenceClassification.from_config(settings, attn_implementation="sdpa")
    network.model.load_state_dict(model.reward_model.backbone.state_dict())
    with torch.no_grad():
        network.score.weight.copy_(model.reward_model.head.weight)
    score = pipeline("text-classification", network, tokenizer)
    samples = [[tokenizer.decode(store.ids(i)) for i in part] for part in batches]
    start = time.perf_counter()
    found = [score(part, max_length=2048).ravel().numpy() for part in samples]
    return np.concatenate(found), time.perf_counter() - start


def _pipeline(wheel: Path) -> Any:
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        file = archive.extract("rewardbench/models/pipeline.py", folder)
        spec = importlib.util.spec_from_file_location("rewardbench_pipeline", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.RewardBenchPipeline


def compare(arguments: argparse.Namespace) -> None:
    """Alternate the two sides; print medians and ratios."""
    other = "padded" if arguments.candidates else "rewardbench"
    print(machine())
    ratios = []
    for repeat in range(arguments.repeats):
        found = {side: run_side(__file__, side, sys.argv[1:]) for side in ("rmx", other)}
        rmx, theirs = found["rmx"], found[other]
        ratios.append(theirs["seconds"] / rmx["seconds"])
        apart = np.abs(np.array(rmx["rewards"]) - np.array(theirs["rewards"])).max()
        print(
            f"run {repeat}: {len(rmx['rewards'])} sequences, rmx {rmx['seconds']:.1f} s, {other} "
            f"{theirs['seconds']:.1f} s, ratio {ratios[-1]:.2f}; peak {rmx['peak_gib']:.1f} and "
            f"{theirs['peak_gib']:.1f} GiB; rewards at most {apart:.1e} apart",
            flush=True,
        )
    print(f"median ratio {median(ratios):.2f}")


def main() -> None:
    """Measure, or be one side of a measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["rmx", "rewardbench", "padded"])
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--candidates", type=int, default=0)
    parser.add_argument("--prompts", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    arguments, overrides = parser.parse_known_args()
    if arguments.side is None:
        compare(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        model, store, batches, batch = texts(arguments, overrides, Path(folder) / "run")
    if arguments.side == "rmx":
        rewards, seconds = rmx_side(model, store, batches, batch)
    elif arguments.side == "padded":
        rewards, seconds = padded_side(model, store, batches)
    else:
        rewards, seconds = rewardbench_side(model, store, batches, arguments.wheel)
    answer({"rewards": rewards.tolist(), "seconds": seconds, "peak_gib": peak_gib()})


if __name__ == "__main__":
    main()
