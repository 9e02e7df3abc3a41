"""Rows become pairs: expanded, held against the rules, checked for duplicates and contradictions, routed by votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rmx.config.schema import DataConfig
from rmx.data.annotators import Destination, Route, route
from rmx.data.comparison import SOURCE_TAG, Comparison, Rejection
from rmx.data.expand import build_adapter
from rmx.data.given_tokens import GivenTokens
from rmx.data.ledger import Effect
from rmx.data.rankings import RANKING
from rmx.data.sources import Source, naming_keys_of
from rmx.data.text import digest, fold
from rmx.data.turns import said
from rmx.data.validate import NOT_DEFECTS, first_violation
from rmx.domain import Origin, PreferencePair
from rmx.errors import ConfigError, DataError

__all__ = ["Collected", "Reading", "Tally", "collect", "for_review"]


@dataclass
class Tally:
    """What was read of one source."""

    rows: int = 0
    comparisons: int = 0
    labels: Counter[str] = field(default_factory=Counter)


class Collected:
    """Every comparison of the rows, at its place."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.tallies = {source.name: Tally() for source in sources}
        self.pairs: list[PreferencePair] = []
        self.destinations: list[Destination] = []
        """Per pair; those for review carry their reason as tag `review`."""
        self.rejections: list[Rejection] = []
        self.effects: dict[str, Effect] = {}
        """Of the rejections, by reason."""
        self.seen = _Seen()

    def reject(self, comparison: Comparison, pair_id: str, reason: str, detail: str) -> None:
        """Count a comparison that leaves, with its lengths."""
        self.rejections.append(Rejection(pair_id, comparison.origin, reason, detail, comparison.source))
        self.effects[reason] = self.effects.get(reason, Effect()).plus(_lengths(comparison))

    def source_of(self, pair: PreferencePair) -> str:
        """Return the source of a pair; empty where the data are no mixture, whatever its tags say."""
        return "" if "" in self.tallies else pair.tags[SOURCE_TAG]


def for_review(pair: PreferencePair, reason: str) -> PreferencePair:
    """Return the pair with the reason why a person should look at it."""
    return replace(pair, tags={**pair.tags, "review": reason})


def collect(sources: Sequence[Source], max_defects: float, tokens: GivenTokens | None = None) -> Collected:
    """Expand and judge all rows of all sources; a pair that stands in two of them is the first one's.

    Args:
        sources: Where rows are and what they mean.
        max_defects: Share of the comparisons of each source that may be defective.
        tokens: Reads rows of token ids.

    Raises:
        ConfigError: unknown format, columns or policy.
        DataError: a file or row that cannot be read, an id given twice, too many defects, or nothing left.
    """
    found = Collected(sources)
    for source in sources:
        reading = Reading(source, found, tokens)
        while reading.next_row():
            pass
        reading.refuse_defects(max_defects)
    return found


class Reading:
    """One source, read once and in order: each row expanded, its comparisons judged and put at their places."""

    def __init__(self, source: Source, found: Collected, tokens: GivenTokens | None = None) -> None:
        """Begin to read into `found`; `tokens` reads rows of token ids.

        Raises:
            ConfigError: unknown format, columns or policy.
        """
        self.source = source
        self.found = found
        self.tally = found.tallies[source.name]
        with naming_keys_of(source.name):
            self._adapter = build_adapter(source.data, tokens)
        self._rows = iter(source.rows)
        self._given: dict[str, Origin] = {}
        resolved = source.rows.resolved
        self._several = len(resolved.get("files", ())) > 1 or "+" in resolved.get("split", "")

    def next_row(self) -> bool:
        """Read one more row; return whether there was one.

        Raises:
            ConfigError: the row's columns do not fit the configuration.
            DataError: it cannot be read, or has an id for the second time.
        """
        with naming_keys_of(self.source.name):
            item = next(self._rows, None)
            if item is None:
                return False
            self.tally.rows += 1
            for comparison in self._adapter(*item):
                self._add(comparison)
        return True

    def _add(self, comparison: Comparison) -> None:
        self.tally.comparisons += 1
        self.tally.labels[comparison.label] += 1
        if self._several:
            # Collections are often published as one file per kind of example.
            comparison.tags = {"file": Path(comparison.origin.file).name.partition(".")[0], **comparison.tags}
        if comparison.given_id is not None:
            _refuse_second(self._given, comparison.given_id, comparison.origin)
        if self.source.name:
            _name(comparison, self.source.name)
        _judge(comparison, self.found, self.source.data)

    def refuse_defects(self, max_defects: float) -> None:
        """Refuse a source of which too much leaves, or nothing is left.

        Raises:
            DataError: says how many, why, and where the first one is.
        """
        with naming_keys_of(self.source.name):
            _refuse_defects(self.found, self.source.name, max_defects)


def _name(comparison: Comparison, source: str) -> None:
    """Let a comparison know its source; ids that are unique in a source are so in the mixture too."""
    if SOURCE_TAG in comparison.tags:
        raise ConfigError(
            f"data.columns.tags: tag {SOURCE_TAG!r} names the source of a pair in a mixture; give the column another "
            "tag, for example tags={origin: source}"
        )
    comparison.source = source
    if comparison.given_id is not None:
        comparison.given_id = f"{source}/{comparison.given_id}"
    if comparison.group:
        comparison.group = f"{source}/{comparison.group}"
    if RANKING in comparison.tags:
        comparison.tags = {**comparison.tags, RANKING: f"{source}/{comparison.tags[RANKING]}"}


def _judge(comparison: Comparison, found: Collected, data: DataConfig) -> None:
    violation = first_violation(comparison, keep_ties=data.ties == "keep")
    if violation is not None:
        found.reject(comparison, comparison.given_id or _content_id(comparison), *violation)
        return
    own = comparison.given_id or found.seen.number(_content_id(comparison), repeats=comparison.designed)
    pair = comparison.oriented(own)
    if not comparison.decided and not pair.tied:
        found.pairs.append(for_review(pair, "undecided"))
        found.destinations.append("review")
        return
    same, opposite = found.seen.look_up(pair, len(found.pairs))
    earlier = opposite if same is None else same
    if earlier is not None and (pair.tied or found.pairs[earlier].tied):
        # A tie is the same in either order, and contradicts a preference in either.
        both = pair.tied and found.pairs[earlier].tied
        same, opposite = (earlier, None) if both else (None, earlier)
    if same is not None and not comparison.designed:
        detail = f"same as {_place(found.pairs[same].origin)}"
        found.reject(comparison, pair.pair_id, "duplicate_pair", detail)
        return
    destination, pair = Route("keep", pair) if pair.tied else route(pair, data.annotators, decided=True)
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


def _refuse_defects(found: Collected, source: str, max_defects: float) -> None:
    comparisons = found.tallies[source].comparisons
    if comparisons == 0:
        raise DataError("the data hold no rows; check data.path, data.hub_split and data.limit")
    places = zip(found.pairs, found.destinations, strict=True)
    mine = {d for p, d in places if found.source_of(p) == source}
    rejections = [r for r in found.rejections if r.source == source]
    if mine & {"keep", "disputed"}:
        defects = sum(r.reason not in NOT_DEFECTS for r in rejections)
        if defects <= max_defects * comparisons:
            return
        what = f"{defects:,} of {comparisons:,} comparisons are defective, above data.max_defects={max_defects}"
        remedy = "check data.columns and data.labels, mend the rows, or raise data.max_defects"
        counted = [r for r in rejections if r.reason not in NOT_DEFECTS]
    else:
        what = f"none of {comparisons:,} comparisons is left"
        remedy = "check data.columns, data.labels and data.annotators, or mend the rows"
        counted = rejections
    if not counted:
        raise DataError(f"{what}: all went to review (data.annotators); {remedy}")
    reason, count = Counter(r.reason for r in counted).most_common(1)[0]
    first = next(r for r in counted if r.reason == reason)
    raise DataError(f"{what}: {count:,} for {reason}, first {_place(first.origin)} ({first.detail}); {remedy}")
