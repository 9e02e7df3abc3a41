"""Rewards for a file of prompts and completions."""

from __future__ import annotations

from pathlib import Path

from rmx.config.schema import Config
from rmx.run.judged import load_text_scorer
from rmx.run.process import settle_process
from rmx.scorers.base import TextScorer
from rmx.scorers.calibrated import RewardScale
from rmx.scorers.reward_model import Reward
from rmx.scorers.stream import score_stream

__all__ = ["score_file"]


def score_file(config: Config) -> int:
    """Score `input` with the judged scorer into `output`."""
    settle_process(config.trainer)
    scorer = load_text_scorer(config)
    scale = _scale(scorer) if config.score.normalise else None
    summary = score_stream(scorer, Path(str(config.input)), Path(str(config.output)), scale=scale)
    print(f"{summary.rows:,} rows scored ({summary.resumed:,} of them by an earlier run): {config.output}")
    for reason, count in summary.tally.items():
        print(f"  without a reward, {reason}: {count:,}")
    return 0


def _scale(scorer: TextScorer) -> RewardScale:
    return scorer.scale if isinstance(scorer, Reward) else RewardScale(None, None, None, scorer.identity)
