"""What several scorings have in common: the same pairs and the same edits of each, so that numbers can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from rmx.audits.evidence import Evidence
from rmx.errors import DataError
from rmx.score_table import CandidateTable, ScoreTable

__all__ = ["MODEL", "Common", "CommonSlice", "find_common", "judged_rows"]

MODEL = "model"
"""The scorer of each that is compared; baselines beside it stay where they are."""
_EDIT = ("candidate_id", "probe", "variant", "source_id")


@dataclass(frozen=True, slots=True)
class CommonSlice:
    """What of one slice is compared."""

    pairs: int
    """Pairs that all of them scored; of a slice of samples, samples."""
    left_out: Mapping[str, int]
    """Of each, how many more it has."""
    other_texts: int = 0
    """Of the left out, how many have an id that all know, with other texts."""
    regrouped: tuple[str, ...] = ()
    """Whose groups divide the common pairs otherwise than those of the first, which count."""


@dataclass(frozen=True)
class Common:
    """Several scorings cut to what all of them have."""

    evidence: Mapping[str, Evidence]
    """The first is the one that the others are compared with; the very evidence that was given where nothing is cut."""
    slices: Mapping[str, CommonSlice]
    missing: Mapping[str, str]
    """Slices that cannot be compared, and why."""


@dataclass
class _Cut:
    """Tables of one scoring as they are cut."""

    scores: dict[str, ScoreTable] = field(default_factory=dict)
    candidates: dict[str, CandidateTable] = field(default_factory=dict)


def find_common(given: Mapping[str, Evidence]) -> Common:
    """Cut every scoring to the slices, pairs and edited texts that all of them have.

    A pair is the same where its id is and, where tables name them, its two candidates are: a candidate's id is a hash
    of its text. An edit is the same where its text and its original are; those that were scored by some alone leave,
    unless only one of them was asked for that probe at all.

    Raises:
        DataError: One has no scores by `model`, or there is no slice, or no pair of any, that all have.
    """
    for name, evidence in given.items():
        if not any(MODEL in evidence.scorers(slice) for slice in evidence.judged()):
            others = sorted({s for slice in evidence.judged() for s in evidence.scorers(slice)})
            raise DataError(
                f"scores: {name} has no scores by {MODEL}, only by {', '.join(others) or 'nobody'}; "
                f"call the scorer to be compared {MODEL}, or leave the column scorer out"
            )
    cuts = {name: _Cut() for name in given}
    slices: dict[str, CommonSlice] = {}
    missing: dict[str, str] = {}
    for slice in dict.fromkeys(name for evidence in given.values() for name in evidence.judged()):
        without = [name for name, evidence in given.items() if MODEL not in evidence.scorers(slice)]
        kinds = {slice in evidence.scores for evidence in given.values()}
        if without:
            missing[slice] = f"not scored by {', '.join(without)}"
        elif len(kinds) > 1:
            missing[slice] = "pairs in some, samples in others"
        elif kinds == {True}:
            found = _cut_pairs(slice, given, cuts)
            slices |= {} if found is None else {slice: found}
            missing |= {slice: "no pair in common"} if found is None else {}
        elif _same_samples(slice, given):
            for name, evidence in given.items():
                cuts[name].candidates[slice] = table = evidence.candidates[slice]
                slices[slice] = CommonSlice(table.of(MODEL).num_rows, dict.fromkeys(given, 0))
        else:
            missing[slice] = "not the same samples"
    if not slices:
        why = "; ".join(f"{slice}: {reason}" for slice, reason in missing.items())
        raise DataError(f"scores: nothing to compare ({why}); give scores of the same slices, with the same pair_id")
    return Common({n: _evidence(given[n], cuts[n]) for n in given}, slices, missing)


def _evidence(given: Evidence, cut: _Cut) -> Evidence:
    same = _sizes(given.scores) == _sizes(cut.scores) and _sizes(given.candidates) == _sizes(cut.candidates)
    return given if same else replace(given, scores=cut.scores, candidates=cut.candidates)


def _sizes(tables: Mapping[str, ScoreTable] | Mapping[str, CandidateTable]) -> dict[str, int]:
    return {name: len(table) for name, table in tables.items()}


def _cut_pairs(slice: str, given: Mapping[str, Evidence], cuts: Mapping[str, _Cut]) -> CommonSlice | None:
    rows = {name: judged_rows(evidence.scores[slice]) for name, evidence in given.items()}
    known = {name: _pairs(table) for name, table in rows.items()}
    first, *others = known.values()
    shared = set(first).intersection(*others)
    other_texts = {pair for pair in shared if not _same_texts([texts[pair] for texts in known.values()])}
    kept = shared - other_texts
    if not kept:
        return None
    wanted = pa.array(sorted(kept), pa.string())
    for name, evidence in given.items():
        table = evidence.scores[slice]
        cuts[name].scores[slice] = ScoreTable(
            table.table.filter(pc.is_in(table.table["pair_id"], value_set=wanted)), table.metadata
        )
    _cut_candidates(slice, given, cuts)
    groups = {n: _partition(table.filter(pc.is_in(table["pair_id"], value_set=wanted))) for n, table in rows.items()}
    of_first = next(iter(groups.values()))
    return CommonSlice(
        pairs=len(kept),
        left_out={name: len(pairs) - len(kept) for name, pairs in known.items()},
        other_texts=len(other_texts),
        regrouped=tuple(name for name, partition in groups.items() if partition != of_first),
    )


def judged_rows(table: ScoreTable) -> pa.Table:
    """Return the rows of the scorer that is compared."""
    return table.table.filter(pc.equal(table.table["scorer"], MODEL))


def _pairs(rows: pa.Table) -> dict[str, tuple[str | None, str | None]]:
    """Return the candidates of each pair."""
    ids = (rows[name].to_pylist() for name in ("pair_id", "chosen_id", "rejected_id"))
    return {pair: (chosen, rejected) for pair, chosen, rejected in zip(*ids, strict=True)}


def _same_texts(pairs: Sequence[tuple[str | None, str | None]]) -> bool:
    return all(len({ids[side] for ids in pairs} - {None}) <= 1 for side in (0, 1))


def _partition(rows: pa.Table) -> list[int]:
    """Return each pair's group as the position of the group's first pair, whatever groups are called."""
    first: dict[str, int] = {}
    return [first.setdefault(group, i) for i, group in enumerate(rows["group"].to_pylist())]


def _cut_candidates(slice: str, given: Mapping[str, Evidence], cuts: Mapping[str, _Cut]) -> None:
    """Keep, of each probe, the edits that all have who have any; of unedited texts likewise."""
    tables = {name: e.candidates[slice] for name, e in given.items() if slice in e.candidates}
    known: dict[str, dict[str, set[tuple[str, ...]]]] = {}
    for name, table in tables.items():
        rows = table.table.filter(pc.equal(table.table["scorer"], MODEL)).select(_EDIT)
        for edit in zip(*(rows[column].to_pylist() for column in _EDIT), strict=True):
            known.setdefault(edit[1], {}).setdefault(name, set()).add(edit)
    kept = {edit for by_name in known.values() for edit in set.intersection(*by_name.values())}
    for name, table in tables.items():
        mask = [edit in kept for edit in zip(*(table.table[c].to_pylist() for c in _EDIT), strict=True)]
        cuts[name].candidates[slice] = CandidateTable(table.table.filter(pa.array(mask, pa.bool_())), table.metadata)


def _same_samples(slice: str, given: Mapping[str, Evidence]) -> bool:
    sets = [sorted(e.candidates[slice].of(MODEL)["candidate_id"].to_pylist()) for e in given.values()]
    return all(ids == sets[0] for ids in sets)
