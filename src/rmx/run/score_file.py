"""Rewards for a file of prompts and completions."""

from __future__ import annotations

from pathlib import Path

from rmx.config.schema import Config
from rmx.errors import ConfigError
from rmx.run.judged import find_judged, surroundings
from rmx.run.process import settle_process
from rmx.scorers.base import PairwiseJudge
from rmx.scorers.stream import score_stream

__all__ = ["score_file"]


def score_file(config: Config) -> int:
    """Score `input` with the judged scorer into `output`."""
    kind = find_judged(config)
    settle_process(config.trainer)
    scorer = kind.load(surroundings(config))
    if isinstance(scorer, PairwiseJudge):
        raise ConfigError(f"scorer: {kind.kind} compares pairs and gives no text a reward; give a scorer of texts")
    for flag in scorer.flags:
        print(f"note: {flag}")
    summary = score_stream(scorer, Path(str(config.input)), Path(str(config.output)))
    print(f"{summary.rows:,} rows scored ({summary.resumed:,} of them by an earlier run): {config.output}")
    for reason, count in summary.refused.items():
        print(f"  without a reward, {reason}: {count:,}")
    return 0
