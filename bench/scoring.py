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
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from side_by_side import answer, machine, median, peak_gib, run_side

_BATCH = 8


def prepare(arguments: argparse.Namespace, overrides: list[str]) -> None:
    """Write what both sides read: a model with a head, and the texts that are scored together."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from rmx.config.load import compose_config
    from rmx.data.render import Renderer
    from rmx.model import build_reward_model
    from rmx.run.corpus import build_corpus

    shares = ("recipe=none", "data.split.validation=0", "data.split.heldout=0", "adapter=none")
    config = compose_config("train", [*shares, *overrides], run=arguments.folder / "unused")
    cache = Path(config.paths.cache)
    built = build_reward_model(config.model, config.adapter, layout="padded", seed=0, cache=cache)
    corpus = build_corpus(config, Renderer(built.tokenizer, terminal=config.model.terminal), [], cache=cache)
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
    tokenizer = built.tokenizer
    texts = [[tokenizer.decode(train.store.ids(i)) for i in part] for part in batches]
    (arguments.folder / "texts.json").write_text(json.dumps(texts))
    # SmolLM2 pads with its end token, and transformers would then pool one token early: a pad token of its own.
    tokenizer.pad_token = "<|endoftext|>"
    settings = built.reward_model.backbone.config
    settings.num_labels, settings.pad_token_id = 1, tokenizer.pad_token_id
    network = AutoModelForSequenceClassification.from_config(settings)
    network.model.load_state_dict(built.reward_model.backbone.state_dict())
    with torch.no_grad():
        network.score.weight.copy_(built.reward_model.head.weight)
    network.save_pretrained(arguments.folder / "model")
    tokenizer.save_pretrained(arguments.folder / "model")


def score(side: str, folder: Path, wheel: Path | None) -> dict[str, Any]:
    """Load the model, then score from the texts on; only that is timed."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    texts = json.loads((folder / "texts.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    network = AutoModelForSequenceClassification.from_pretrained(folder / "model", attn_implementation="sdpa")
    run = rewardbench(network, tokenizer, wheel) if wheel and side == "rewardbench" else ours(network, tokenizer, side)
    start = time.perf_counter()
    with torch.no_grad():
        rewards = run(texts)
    return {"rewards": rewards.tolist(), "seconds": time.perf_counter() - start, "peak_gib": peak_gib()}


def ours(network: Any, tokenizer: Any, side: str) -> Callable[[list[list[str]]], Any]:
    """Return rmx's scoring: everything packed, or each given batch padded."""
    import torch

    from rmx.config.schema import BatchConfig, TrainerConfig
    from rmx.data.sequences import batch_tokens
    from rmx.data.token_store import TokenStore
    from rmx.model import RewardModel
    from rmx.model.head import ScalarHead
    from rmx.model.layouts import adopt_layout
    from rmx.model.scoring import map_sequences
    from rmx.run.process import settle_process

    settle_process(TrainerConfig(accelerator="cpu"))
    layout, reason = adopt_layout(network.base_model, "packed" if side == "rmx" else "padded")
    assert not reason, reason
    head = ScalarHead(network.score.in_features, std=0.0, seed=0)
    head.weight = torch.nn.Parameter(network.score.weight.detach())
    model = RewardModel(network.base_model, head, layout).eval()

    def run(texts: list[list[str]]) -> Any:
        ids = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in texts]
        if side == "padded":
            lengths = [np.array([len(i) for i in b]) for b in ids]
            found = [
                model(batch_tokens([np.array(i, np.int32) for i in b], np.arange(len(b)), n)).numpy()
                for b, n in zip(ids, lengths, strict=True)
            ]
            return np.concatenate(found)
        flat = [i for part in ids for i in part]
        lengths = np.array([len(i) for i in flat], np.int64)
        tokens = np.concatenate(flat).astype(np.int32)
        store = TokenStore(tokens, np.cumsum(lengths) - lengths, lengths, np.zeros_like(lengths), lengths)
        return map_sequences(model, store, BatchConfig())

    return run


def rewardbench(network: Any, tokenizer: Any, wheel: Path) -> Callable[[list[list[str]]], Any]:
    """Return RewardBench's scoring: chosen and rejected batches in the order of the data, here on the CPU."""
    from transformers import BatchEncoding

    BatchEncoding.to = lambda self, device: self  # the pipeline names cuda
    pipeline = _pipeline(wheel)("text-classification", network, tokenizer)
    return lambda texts: np.concatenate([pipeline(part, max_length=2048).ravel().numpy() for part in texts])


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
    with tempfile.TemporaryDirectory() as folder:
        given = [*sys.argv[1:], f"--folder={folder}"]
        run_side(__file__, "prepare", given)
        for repeat in range(arguments.repeats):
            order = ("rmx", other) if repeat % 2 == 0 else (other, "rmx")
            found = {side: run_side(__file__, side, given) for side in order}
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
    parser.add_argument("--side", choices=["prepare", "rmx", "rewardbench", "padded"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--candidates", type=int, default=0)
    parser.add_argument("--prompts", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    arguments, overrides = parser.parse_known_args()
    if arguments.side is None:
        compare(arguments)
    elif arguments.side == "prepare":
        prepare(arguments, overrides)
        answer({})
    else:
        answer(score(arguments.side, arguments.folder, arguments.wheel))


if __name__ == "__main__":
    main()
