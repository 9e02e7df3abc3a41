"""Asks for the gold rewards that best-of-n audits lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.review.to_rate import write_to_rate
from rmx.run.corpus import TextSlice
from rmx.run.directory import RunDirectory

__all__ = ["ask_to_rate"]


def ask_to_rate(
    evidence: Evidence, audits: Sequence[Audit], slices: Mapping[str, TextSlice], directory: RunDirectory
) -> None:
    """Write the answers that best-of-n audits need rated, if any, and say so."""
    texts = {name: data.texts.candidates for name, data in slices.items()}
    if count := write_to_rate(directory.to_rate, evidence, audits, texts):
        print(f"{count:,} answers that best-of-n chooses are not rated: fill in gold in {directory.to_rate}")
