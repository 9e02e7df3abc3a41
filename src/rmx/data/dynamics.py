"""Training dynamics: what the margin of each pair did over the visits, and which labels a person should look at again.

After Swayamdipta et al. 2020, "Dataset Cartography" (arXiv:2009.10795): of each example the mean and the spread over
training of what the model gives its label. What is followed here is the margin of the pair as it stood in the batch,
before the step that learnt from it, and the logistic of it, the probability that the model gives the label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rmx.domain import PreferencePair
from rmx.whole_file import whole_file, write_jsonl

__all__ = ["Dynamics", "VisitSums", "find_suspects", "write_dynamics", "write_suspects"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dynamics:
    """What was seen of n pairs, in their order."""

    visits: NDArray[np.int64]
    mean_margin: Floats
    """NaN where there was no visit, as in all that follow."""
    sd_margin: Floats
    """Standard deviation over the visits (of the visits themselves, so 0 for a single one)."""
    last_margin: Floats
    confidence: Floats
    """Mean over the visits of the probability that the model gave the label, 1 / (1 + exp(-margin))."""

    @classmethod
    def of_history(cls, margins: Floats) -> Self:
        """Return the dynamics of margins (visits, n)."""
        count, n = margins.shape
        if not count:
            nothing = np.full(n, np.nan)
            return cls(np.zeros(n, np.int64), nothing, nothing, nothing, nothing)
        return cls(
            np.full(n, count), margins.mean(0), margins.std(0), margins[-1].copy(), _probability(margins).mean(0)
        )


class VisitSums:
    """Sums over the visits of n pairs; those of several ranks add up."""

    rows = ("visits", "margin", "square", "confidence", "last", "step")

    def __init__(self, n: int, table: Floats | None = None) -> None:
        """Start with no visit, or with a `table` (6, n) of `rows`."""
        self.table = np.zeros((len(self.rows), n)) if table is None else table
        if table is None:
            self.table[5] = -1.0

    def add(self, pairs: NDArray[np.int64], margins: Floats, step: int) -> None:
        """Count a visit of some pairs, each once, in the batch of optimiser step `step`."""
        columns = self.table[:, pairs]
        columns[:4] += np.stack([np.ones_like(margins), margins, margins**2, _probability(margins)])
        columns[4], columns[5] = margins, step
        self.table[:, pairs] = columns

    def dynamics(self) -> Dynamics:
        """Return what the sums say."""
        visits, margin, square, confidence, last, _ = self.table
        seen = visits > 0
        n = np.where(seen, visits, np.nan)
        mean = margin / n
        # Rounding may leave a variance of equal margins a little below 0.
        sd = np.sqrt(np.maximum(square / n - mean**2, 0.0))
        return Dynamics(visits.astype(np.int64), mean, sd, np.where(seen, last, np.nan), confidence / n)


def find_suspects(dynamics: Dynamics) -> NDArray[np.int64]:
    """Return the pairs (k,) whose label looks wrong, the most suspicious first.

    Two conditions. *Confident learning* (Northcutt, Jiang, Chuang 2021, arXiv:1911.00068): the model gives the other
    label at least the probability that it gives the labels of these pairs on average, confidence <= 1 - mean
    confidence; the bound adapts to how sure the model is. *Consistently*: the margin is negative by more than its own
    standard deviation over the visits, so that a pair which the model came to agree with, or wavers on, is hard rather
    than wrong. Order is by mean margin, which Pleiss et al. 2020 (arXiv:2001.10528) rank mislabelled examples by.

    A model that does not order the pairs better than chance, by two standard errors, has no say: nobody is suspected.
    """
    seen = dynamics.visits > 0
    ordered = int((dynamics.mean_margin[seen] > 0).sum())
    if ordered <= 0.5 * seen.sum() + np.sqrt(seen.sum()):
        return np.zeros(0, np.int64)
    usual = float(dynamics.confidence[seen].mean())
    with np.errstate(invalid="ignore"):
        unlikely = dynamics.confidence <= min(1 - usual, 0.5)
        consistent = dynamics.mean_margin + dynamics.sd_margin < 0
    found = np.flatnonzero(seen & unlikely & consistent)
    return found[np.argsort(dynamics.mean_margin[found], kind="stable")]


def write_dynamics(path: Path, pairs: Mapping[str, Sequence[PreferencePair]], dynamics: Mapping[str, Dynamics]) -> None:
    """Write dynamics.parquet: pair_id, split, visits, mean_margin, sd_margin, last_margin, confidence.

    Raises:
        RunError: it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = []
    for split, found in dynamics.items():
        ids = [pair.pair_id for pair in pairs[split]]
        columns = {"pair_id": pa.array(ids, pa.string()), "split": pa.array([split] * len(ids), pa.string())}
        numbers = {
            name: pa.array(getattr(found, name), from_pandas=True)
            for name in ("visits", "mean_margin", "sd_margin", "last_margin", "confidence")
        }
        parts.append(pa.table({**columns, **numbers}))
    with whole_file(path) as partial:
        pq.write_table(pa.concat_tables(parts), partial)


def write_suspects(path: Path, pairs: Mapping[str, Sequence[PreferencePair]], dynamics: Mapping[str, Dynamics]) -> int:
    """Write suspects.jsonl, one pair a line for a person to read, and return how many there are.

    Raises:
        RunError: it cannot be written.
    """
    rows = [
        _suspect(pairs[split][i], split, found, int(i))
        for split, found in dynamics.items()
        for i in find_suspects(found)
    ]
    rows.sort(key=lambda row: float(row["mean_margin"]))
    write_jsonl(path, rows)
    return len(rows)


def _suspect(pair: PreferencePair, split: str, found: Dynamics, i: int) -> dict[str, Any]:
    return {
        "pair_id": pair.pair_id,
        "file": pair.origin.file,
        "row": pair.origin.row,
        "slice": split,
        "mean_margin": float(found.mean_margin[i]),
        "sd_margin": float(found.sd_margin[i]),
        "visits": int(found.visits[i]),
        "confidence": float(found.confidence[i]),
        "prompt": [message._asdict() for message in pair.prompt],
        "chosen": pair.chosen,
        "rejected": pair.rejected,
    }


def _probability(margins: Floats) -> Floats:
    """Return the logistic of the margins without overflow."""
    probability: Floats = np.exp(-np.logaddexp(0.0, -margins))
    return probability
