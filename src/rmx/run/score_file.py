"""Rewards for a file of prompts and completions."""

from __future__ import annotations

from pathlib import Path

from rmx.config.schema import Config
from rmx.run.process import settle_process
from rmx.scorers.reward_model import load_reward
from rmx.scorers.stream import score_stream

__all__ = ["score_file"]


def score_file(config: Config) -> int:
    """Score `input` with `reward` into `output`."""
    settle_process(config.trainer)
    device = "cpu" if config.trainer.accelerator == "cpu" else None
    reward = load_reward(
        str(config.reward), device=device, max_tokens=config.batch.max_tokens, layout=config.batch.layout
    )
    for flag in reward.flags:
        print(f"note: {flag}")
    summary = score_stream(reward, Path(str(config.input)), Path(str(config.output)))
    print(f"{summary.rows:,} rows scored ({summary.resumed:,} of them by an earlier run): {config.output}")
    for reason, count in summary.refused.items():
        print(f"  without a reward, {reason}: {count:,}")
    return 0
