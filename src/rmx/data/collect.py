"""Rows become pairs: expanded, held against the rules, checked for duplicates and contradictions, routed by votes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from rmx.config.schema import DataConfig
from rmx.data.annotators import Destination, route
from rmx.data.comparison import Comparison, Rejection
from rmx.data.expand import build_adapter
from rmx.data.given_tokens import GivenTokens
from rmx.data.ledger import Effect
from rmx.data.sources import Rows
from rmx.data.text import digest, fold
from rmx.data.turns import said
from rmx.data.validate import NOT_DEFECTS, first_violation
from rmx.domain import Origin, PreferencePair
from rmx.errors import DataError

__all__ = ["Collected", "collect", "for_review"]


@dataclass
class Collected:
    """Every comparison of the rows, at its place."""

    rows: int = 0
    comparisons: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    pairs: list[PreferencePair] = field(default_factory=list)
    destinations: list[Destination] = field(default_factory=list)
    """Per pair; those for review carry their reason as tag `review`."""
    rejections: list[Rejection] = field(default_factory=list)
    effects: dict[str, Effect] = field(default_factory=dict)
    """Of the rejections, by reason."""

    def reject(self, comparison: Comparison, pair_id: str, reason: str, detail: str) -> None:
        """Count a comparison that leaves, with its lengths."""
        self.rejections.append(Rejection(pair_id, comparison.origin, reason, detail))
        self.effects[reason] = self.effects.get(reason, Effect()).plus(_lengths(comparison))


def for_review(pair: PreferencePair, reason: str) -> PreferencePair:
    """Return the pair with the reason why a person should look at it."""
    return replace(pair, tags={**pair.tags, "review": reason})


def collect(rows: Rows, data: DataConfig, tokens: GivenTokens | None = None) -> Collected:
    """Expand and judge all rows.

    Raises:
        ConfigError: unknown format, columns or policy.
        DataError: a file or row that cannot be read, an id given twice, too many defects, or nothing left.
    """
    adapter = build_adapter(data, tokens)
    found = Collected()
    seen = _Seen()
    given: dict[str, Origin] = {}
    several = len(rows.resolved.get("files", ())) > 1 or "+" in rows.resolved.get("split", "")
    for origin, row in rows:
        found.rows += 1
        for comparison in adapter(origin, row):
            found.comparisons += 1
            if several:
                # Collections are often published as one file per kind of example.
                comparison.tags = {"file": Path(origin.file).name.partition(".")[0], **comparison.tags}
            found.labels[comparison.label] += 1
            if comparison.given_id is not None:
                _refuse_second(given, comparison.given_id, origin)
            _judge(comparison, found, seen, data.annotators)
    _refuse_defects(found, data.max_defects)
    return found


def _judge(comparison: Comparison, found: Collected, seen: _Seen, policy: str) -> None:
    violation = first_violation(comparison)
    if violation is not None:
        found.reject(comparison, comparison.given_id or _content_id(comparison), *violation)
        return
    own = comparison.given_id or seen.number(_content_id(comparison), repeats=comparison.designed)
    pair = comparison.oriented(own)
    if not comparison.decided:
        found.pairs.append(for_review(pair, "undecided"))
        found.destinations.append("review")
        return
    same, opposite = seen.look_up(pair, len(found.pairs))
    if same is not None and not comparison.designed:
        detail = f"same as {_place(found.pairs[same].origin)}"
        found.reject(comparison, pair.pair_id, "duplicate_pair", detail)
        return
    destination, pair = route(pair, policy, decided=True)
    if opposite is not None and not comparison.designed:
        destination, pair = "review", for_review(pair, "contradiction")
        found.pairs[opposite] = for_review(found.pairs[opposite], "contradiction")
        found.destinations[opposite] = "review"
    elif destination == "review":
        pair = for_review(pair, "disagreement")
    found.pairs.append(pair)
    found.destinations.append(destination)


class _Seen:
    """Pairs by their folded content, in either direction."""

    def __init__(self) -> None:
        self._place: dict[str, int] = {}
        self._uses: Counter[str] = Counter()

    def number(self, content_id: str, *, repeats: bool) -> str:
        """Return the id of a pair without a given one; where equal pairs may stay, a later one gets its number too."""
        if not repeats:
            return content_id
        self._uses[content_id] += 1
        return content_id if self._uses[content_id] == 1 else f"{content_id}-{self._uses[content_id]}"

    def look_up(self, pair: PreferencePair, place: int) -> tuple[int | None, int | None]:
        """Return the places of an earlier equal pair and of an earlier reversed one; remember this one if new."""
        prompt = digest(*(part for m in pair.prompt for part in (m.role, fold(said(m.content)))))
        chosen, rejected = fold(said(pair.chosen)), fold(said(pair.rejected))
        key = digest(prompt, chosen, rejected)
        same = self._place.setdefault(key, place)
        if same != place:
            return same, None
        return None, self._place.get(digest(prompt, rejected, chosen))


def _content_id(comparison: Comparison) -> str:
    """Return an id that depends on prompt, chosen and rejected text alone, so that it outlives reordering of files."""
    if comparison.problem is not None:
        return digest(comparison.origin.file, str(comparison.origin.row))
    sides = (comparison.first, comparison.second)
    if comparison.label == "second":
        sides = sides[::-1]
    if sides[0][:-1] == sides[1][:-1] and sides[0] and sides[1]:
        parts = [part for m in sides[0] for part in m] + [sides[1][-1].content]
    else:
        parts = [part for side in sides for m in side for part in ("", *m)]
    return digest(*parts)


def _lengths(comparison: Comparison) -> tuple[int, int] | None:
    if not comparison.decided or not comparison.first or not comparison.second:
        return None
    first, second = (len(said(side[-1].content)) for side in (comparison.first, comparison.second))
    return (second, first) if comparison.label == "second" else (first, second)


def _place(origin: Origin) -> str:
    return f"{origin.file} row {origin.row}"


def _refuse_second(given: dict[str, Origin], pair_id: str, origin: Origin) -> None:
    earlier = given.setdefault(pair_id, origin)
    if earlier is not origin:
        raise DataError(
            f"{_place(origin)}: id {pair_id!r} stands already at {_place(earlier)}; make ids unique, "
            "or set data.columns.id=null to use hashes of the content"
        )


def _refuse_defects(found: Collected, max_defects: float) -> None:
    if found.comparisons == 0:
        raise DataError("the data hold no rows; check data.path, data.hub_split and data.limit")
    if "keep" in found.destinations or "disputed" in found.destinations:
        defects = sum(r.reason not in NOT_DEFECTS for r in found.rejections)
        if defects <= max_defects * found.comparisons:
            return
        what = f"{defects:,} of {found.comparisons:,} comparisons are defective, above data.max_defects={max_defects}"
        remedy = "check data.columns and data.labels, mend the rows, or raise data.max_defects"
        counted = [r for r in found.rejections if r.reason not in NOT_DEFECTS]
    else:
        what = f"none of {found.comparisons:,} comparisons is left"
        remedy = "check data.columns, data.labels and data.annotators, or mend the rows"
        counted = found.rejections
    if not counted:
        raise DataError(f"{what}: all went to review (data.annotators); {remedy}")
    reason, count = Counter(r.reason for r in counted).most_common(1)[0]
    first = next(r for r in counted if r.reason == reason)
    raise DataError(f"{what}: {count:,} for {reason}, first {_place(first.origin)} ({first.detail}); {remedy}")
