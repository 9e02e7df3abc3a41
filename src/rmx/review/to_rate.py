"""The answers that best-of-n chooses and nobody has rated: a few of each prompt, to be read by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from rmx.audits.base import Audit
from rmx.audits.best_of_n import BestOfN
from rmx.audits.best_of_n_curves import samples_to_rate
from rmx.audits.evidence import Evidence, NotFiniteError, UnavailableError
from rmx.domain import Candidate
from rmx.whole_file import write_jsonl

__all__ = ["write_to_rate"]


def write_to_rate(
    path: Path, evidence: Evidence, audits: Sequence[Audit], texts: Mapping[str, Sequence[Candidate]]
) -> int:
    """Write one row for each unrated answer that a best-of-n audit needs rated, and return how many there are.

    Rows have slice, prompt, completion and `gold`, which is null: filled in, the file is `slice.NAME.ratings`. Neither
    the reward nor the place in the chain is shown to who rates. Nothing is written where nothing is missing. A file of
    an earlier attempt that somebody has begun to fill in stays, as to_rate.1.jsonl.

    Args:
        path: The file, review/to_rate.jsonl of a run.
        evidence: Scored samples.
        audits: Those of the run.
        texts: Prompts and completions of each slice.

    Raises:
        RunError: It cannot be written.
    """
    rows = []
    for audit in audits:
        if not isinstance(audit, BestOfN):
            continue
        for slice in audit.slices:
            for candidate in _unrated(evidence, slice, audit.n_max, texts.get(slice, ())):
                prompt = [message._asdict() for message in candidate.prompt]
                rows.append({"slice": slice, "prompt": prompt, "completion": candidate.completion, "gold": None})
    if rows:
        _set_aside(path)
        write_jsonl(path, rows)
    return len(rows)


def _set_aside(path: Path) -> None:
    """Give a file another name if it is not as it was written, gold last and null: ratings are somebody's work."""
    if path.exists() and not all(line.endswith(b'"gold": null}') for line in path.read_bytes().splitlines()):
        names = (path.with_stem(f"{path.stem}.{number}") for number in count(1))
        path.rename(next(name for name in names if not name.exists()))


def _unrated(evidence: Evidence, slice: str, n_max: int | None, texts: Sequence[Candidate]) -> list[Candidate]:
    """Return the distinct answers of a slice that the model's best-of-n chooses and that have no gold reward."""
    try:
        samples = evidence.samples(slice, "model")
        chosen = samples_to_rate(samples, slice, n_max)
    except (UnavailableError, NotFiniteError):  # which the audit itself has answered with
        return []
    if samples.has_gold:
        return []
    wanted = {samples.candidates[p][i]: None for p, i in chosen if np.isnan(samples.gold[p][i])}
    by_id = {candidate.candidate_id: candidate for candidate in texts}
    # Samples of a prompt stand in the order of their ids, which are hashes: it says nothing of who won at which n.
    return [by_id[str(identity)] for identity in wanted]
