"""Best-of-n of a file of prompts with their completions."""

from __future__ import annotations

from pathlib import Path

from rmx.config.schema import Config
from rmx.data.files import content_hash, file_rows
from rmx.run.judged import load_text_scorer
from rmx.run.lineage import print_lineage_notes
from rmx.run.process import settle_process
from rmx.selection.rerank import DUPLICATES, TIED, rerank_stream

__all__ = ["rerank_file"]

_WORDS = {
    DUPLICATES: "completions that repeat an earlier one of their row",
    TIED: "rows whose best is tied with another text",
}


def rerank_file(config: Config) -> int:
    """Choose the best of each row of `input` by the judged scorer, into `output`."""
    settle_process(config.trainer)
    scorer = load_text_scorer(config)
    source = Path(str(config.input))
    print_lineage_notes((row for _, row in file_rows(source)), scorer)
    summary = rerank_stream(
        scorer, file_rows(source), Path(str(config.output)), content=content_hash([source]), n=config.rerank.n
    )
    print(f"{summary.rows:,} rows reranked ({summary.resumed:,} of them by an earlier run): {config.output}")
    for name, count in summary.tally.items():
        print(f"  {_WORDS.get(name, f'without a reward, {name}')}: {count:,}")
    return 0
