"""Fresh completions of a policy for a file of prompts, or for the prompts that a finished run held out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from rmx.config.schema import Config
from rmx.data.files import content_hash, file_rows
from rmx.data.render import Renderer
from rmx.data.row_stream import Row
from rmx.data.text import digest
from rmx.errors import ConfigError
from rmx.model.model_config import context_length, read_config
from rmx.model.tokenizer import load_tokenizer
from rmx.model.weights import backbone_location, load_causal_lm
from rmx.policy.engine import Engine, Law
from rmx.policy.sampling import CUT, Policy, sample_stream
from rmx.policy.transformers_engine import TransformersEngine
from rmx.policy.vllm_engine import VllmEngine
from rmx.run.finished import find_run
from rmx.run.process import settle_process
from rmx.run.run_prompts import run_prompts

__all__ = ["sample_file"]

_WORDS = {CUT: "completions cut at sample.max_new_tokens and marked so"}


def sample_file(config: Config) -> int:
    """Sample `model` on the prompts of `input` into `output`."""
    settle_process(config.trainer)
    cache = Path(config.paths.cache)
    source = Path(str(config.input))
    run = find_run(source)
    rows: Iterable[Row]
    if run is None:
        rows, identity = file_rows(source), content_hash([source])
    else:
        rows, identity = run_prompts(run, config.sample.split, cache=cache)
    policy = _policy(config, cache)
    job = {
        "policy, seed or sampling": digest(repr(sorted(policy.facts.items())), str(config.sample.n)),
        "input": identity,
    }
    summary = sample_stream(
        policy, rows, Path(str(config.output)), job=job, n=config.sample.n, batch=config.sample.batch
    )
    print(
        f"{summary.rows:,} prompts, {config.sample.n} completions of each ({summary.resumed:,} prompts by an earlier "
        f"run): {config.output}"
    )
    for name, count in summary.tally.items():
        print(f"  {_WORDS.get(name, f'prompts without completions, {name}')}: {count:,}")
    return 0


def _policy(config: Config, cache: Path) -> Policy:
    tokenizer = load_tokenizer(config.model, cache)
    renderer = Renderer(tokenizer, terminal=config.model.terminal)
    location = backbone_location(config.model, cache)
    length = context_length(read_config(location.path)[0])
    room = length - config.sample.max_new_tokens
    if room < 1:
        raise ConfigError(
            f"sample.max_new_tokens: {config.sample.max_new_tokens:,} leave no room for a prompt; the model reads "
            f"{length:,} tokens"
        )
    rows, ends = _vocabulary(location.path)
    ends = tuple(sorted({renderer.terminal_id, *ends}))
    # Rows beyond the tokenizer's vocabulary are no tokens at all.
    banned = tuple(sorted({*renderer.control_tokens.values(), *range(len(tokenizer), rows)} - set(ends)))
    sample = config.sample
    law = Law(sample.temperature, sample.top_p, sample.max_new_tokens, ends, banned)
    engine: Engine
    if sample.engine == "vllm":
        engine = VllmEngine(location.path, law, dtype=config.model.dtype, length=length)
        facts: dict[str, Any] = {**location.facts, "model_type": read_config(location.path)[0].model_type}
    else:
        network, backbone = load_causal_lm(config.model, cache)
        on_gpu = config.trainer.accelerator == "gpu" and torch.cuda.is_available()
        engine = TransformersEngine(network.to("cuda" if on_gpu else "cpu"), law)
        facts = {key: value for key, value in backbone.facts.items() if key not in ("base", "parameters")}
    if facts["kind"] == "directory":
        # A path says where the weights were, not which.
        facts["weights_hash"] = content_hash(sorted(location.path.glob("*.safetensors")))
    facts |= {
        "name": config.model.name,
        "dtype": config.model.dtype,
        "tokenizer_hash": renderer.tokenizer_fingerprint,
        "template_hash": renderer.template_hash,
        **{key: value for key, value in asdict(law).items() if key not in ("ends", "banned")},
        "seed": config.seed,
        "engine": engine.name,
    }
    return Policy(engine, renderer, room, facts)


def _vocabulary(directory: Path) -> tuple[int, tuple[int, ...]]:
    """Return the rows of the embedding, and the tokens that the model itself says end its answers."""
    from transformers import GenerationConfig

    config, _ = read_config(directory)
    try:
        end = GenerationConfig.from_pretrained(directory, local_files_only=True).eos_token_id
    except OSError:  # none there
        end = config.get_text_config().eos_token_id
    ends = end if isinstance(end, list) else [] if end is None else [end]
    return int(config.get_text_config().vocab_size), tuple(ends)
